import { z } from "zod";
import { findSchema } from "../../config/policy/erasure.ts";
import { count, setId, sha256 } from "../format/manifest.ts";

/**
 * The ledger of erasures, in the bucket of the sets: what every restore has to take out of what it brings back. It is readable without
 * a key and names nobody: a person is there as keyed hashes alone. Entries are added, never changed; each holds the hash of the one before.
 *
 *     erasures/000001.json            an entry, with a person's signature in it
 *     erasures/key-<16 hex>.json      the key of the hashes, sealed to all who restore; with a mark behind the hex, sealed anew
 *     erasures/sql/<id>.sql.zst.pgp   the same as SQL for psql, sealed to people, and its signature
 */
export const erasuresPrefix = "erasures/";

/** @param mark another name for the number, where somebody has laid something else under the first */
export const entryKey = (number: number, mark: number): string =>
  `${erasuresPrefix}${String(number).padStart(6, "0")}${mark === 0 ? "" : `-${mark}`}.json`;
export const isEntryKey = (key: string): boolean => /^erasures\/\d{6}(-\d+)?\.json$/.test(key);
export const keysPrefix = (commitment: string): string => `${erasuresPrefix}key-${commitment.slice(0, 16)}`;
/** @param mark of one that was sealed anew: each name is written once */
export const keyKey = (commitment: string, mark = ""): string =>
  `${keysPrefix(commitment)}${mark === "" ? "" : `-${mark}`}.json`;
export const scriptsPrefix = `${erasuresPrefix}sql/`;
export const scriptKey = (id: string): string => `${scriptsPrefix}${id}.sql.zst.pgp`;

/** What happens to rows: they go, or columns become what an expression of the row gives. */
const actionSchema = z.union([z.literal("delete"), z.record(z.string(), z.string())]);
export type ErasureAction = z.output<typeof actionSchema>;

const ruleSchema = z.strictObject({
  table: z.string(),
  find: findSchema,
  action: actionSchema,
  /** Keyed hash of the person's value, for this place alone (`hashOfValue`). Null: rows of another rule lead to these. */
  hash: sha256.nullable(),
  /** Rows that the database held when it was written, and how many a restore may take at most. */
  rows: count,
  most: count,
});
export type LedgerRule = z.output<typeof ruleSchema>;

const common = {
  format: z.literal("lifeboat-erasure/1"),
  number: z.number().int().min(1).max(999_999),
  mark: count,
  /** SHA-256 of the entry before, as it is stored; null: it is the first. */
  previous: sha256.nullable(),
  id: setId,
  at: z.iso.datetime(),
  /** Who, as the run knew it: never the person that it is about. */
  by: z.string().max(200),
};

const erasedSchema = z.strictObject({
  ...common,
  event: z.enum(["erase", "revoke"]),
  /** The request that it answers. */
  request: setId.nullable(),
  /** Name of the consent that was withdrawn. Such an entry counts for sets that are older than it. */
  consent: z.string().nullable(),
  /** What was shown before it was done. */
  plan: sha256,
  /** Binds the key of the hashes. */
  key: sha256,
  rules: z.array(ruleSchema).min(1),
  /** What stays, and the article that says so. */
  kept: z.array(z.strictObject({ table: z.string(), rows: count, because: z.string() })),
  /** Name of the SQL that replays this entry and all before it. */
  script: z.strictObject({ key: z.string(), bytes: count, sha256 }),
});
export type ErasedEntry = z.output<typeof erasedSchema>;

/** A request has come: from then on its term runs. Nothing in it says whose it is. */
const receivedSchema = z.strictObject({
  ...common,
  event: z.literal("receive"),
  receivedAt: z.iso.date(),
  due: z.iso.date(),
});
export type ReceivedEntry = z.output<typeof receivedSchema>;

/** Everything that an erasure asks for is done; or a request was refused, or answered otherwise. */
const finishedSchema = z.strictObject({
  ...common,
  event: z.literal("finish"),
  /** Ids of the erasure, or of the request. */
  of: setId,
  outcome: z.enum(["done", "refused"]),
  /** Bytes that were written anew in the vault of the files, and until when older bytes stay. */
  files: z.strictObject({ rewrittenBytes: count, until: z.iso.datetime().nullable() }).nullable(),
});
export type FinishedEntry = z.output<typeof finishedSchema>;

export const ledgerEntrySchema = z.discriminatedUnion("event", [erasedSchema, receivedSchema, finishedSchema]);
export type LedgerEntry = z.output<typeof ledgerEntrySchema>;

export const isErased = (entry: LedgerEntry): entry is ErasedEntry => "rules" in entry;

/** Which place in the data a rule is about: equal values in two places have other hashes. */
export function placeOf({ table, find }: Pick<LedgerRule, "table" | "find">): string {
  return JSON.stringify([table, ...Object.entries(find).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}
