import type { TocEntry } from "../../../postgres/dump/archive/toc.ts";
import type { InventoryObject } from "../../../postgres/inventory/model.ts";

/** One entry of the schema dump that will be run, with the object that it makes where it makes one. */
export interface Step {
  readonly entry: TocEntry;
  readonly object: InventoryObject | undefined;
  /** Functions and procedures that it calls, as far as the dump says so. */
  readonly calls?: readonly InventoryObject[];
}

/** A dump's entries by their number. */
export type Entries = ReadonlyMap<number, TocEntry>;

export const tableKinds = new Set(["FOREIGN TABLE", "MATERIALIZED VIEW", "TABLE"]);

/** The entries that one depends on directly. */
export function dependenciesOf(entry: TocEntry, entries: Entries): TocEntry[] {
  return entry.dependencies.map((id) => entries.get(id)).filter((one) => one !== undefined);
}

/** The table that an index or a key is on. */
export function tableOf(entry: TocEntry, entries: Entries): TocEntry | undefined {
  return dependenciesOf(entry, entries).find((one) => tableKinds.has(one.desc));
}
