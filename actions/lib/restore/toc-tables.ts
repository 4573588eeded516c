import type { TocEntry } from "../source/archive/toc.ts";

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
