import type { Log } from "../../base/log.ts";
import type { ApiRefusal } from "../../supabase/api-refusal.ts";
import type { CapturedFunction, Configuration, SectionName } from "../../supabase/configuration/document.ts";
import type { ManagementApi } from "../../supabase/management-api.ts";

/** What is put back, where, and how far. */
export interface Carrying {
  readonly api: ManagementApi;
  /** Of the project that is written. */
  readonly ref: string;
  /** Of the set. */
  readonly configuration: Configuration;
  /** A person has said so: also what goes out to people and other services, and what locks somebody out. */
  readonly goLive: boolean;
  /** Says what would be done, and writes nothing. */
  readonly rehearse?: boolean;
  /** Values that only the owner has, by their names in escrow: `auth:FIELD`, `secret:NAME`, `signing-key`. */
  readonly supplied?: ReadonlyMap<string, string>;
  /** The body of a function of the set. */
  readonly bodyOf?: (deployed: CapturedFunction) => Promise<Uint8Array | undefined>;
  /** Folder of the functions' sources (`supabase/functions`), for those whose body the set has not. */
  readonly functionsFolder?: string | undefined;
  readonly log: Log;
}

/**
 * What became of one setting. `carried`: written, and read back as it should be (in a rehearsal: would be). `already`: it was so.
 * `listed`: a person has to look at it. `refused`: it should have been written, and is not there.
 */
export interface Row {
  readonly section: SectionName;
  /** A setting, or the name of a function, key or secret; `all of it` for a part that the set does not have. */
  readonly field: string;
  readonly outcome: "carried" | "already" | "listed" | "refused";
  /** Never a value. */
  readonly why?: string;
  readonly next?: string;
}

export function rowOf(section: SectionName, field: string, outcome: Row["outcome"], why?: string, next?: string): Row {
  return { section, field, outcome, ...(why !== undefined && { why }), ...(next !== undefined && { next }) };
}

/** A setting that the API has refused. */
export function deniedRow(section: SectionName, field: string, error: ApiRefusal): Row {
  return rowOf(section, field, "refused", spoken(error), error.next ?? "Set it in the dashboard.");
}

/** What the API says about a refusal; only the status where its answer has no text. */
export function spoken({ said, status }: ApiRefusal): string {
  return said === "" ? `refused with status ${status}` : said;
}

/** Of a secret from escrow whose hash is another than the set's. */
export const staleValue =
  "the value in escrow is not the one that the lost project had: it is there, and may be too old";

/** `next` of what is told for the record. */
export const nothingToDo = "Nothing to do.";
/** `next` of what waits until somebody says that the project goes live. */
export const whenLive = "It comes when the settings that reach people are switched on.";

/** @param name under which the value may be in escrow */
export function escrowNext(name: string): string {
  return `Put its value into escrow (\`lifeboat escrow put ${name}\`): it comes when the settings that reach people are switched on. Or set it in the dashboard.`;
}
