import { createHash } from "node:crypto";
import { z } from "zod";
import type { Touched } from "../../base/touched.ts";
import type { SignBytes } from "../../seal/keys/signature.ts";
import { mostReason } from "../format/manifest.ts";

/** Where the trail lies: `audit/000001/00000123.json`. Entries are added, and never changed; a folder has a hundred. */
export const auditPrefix = "audit/";
export const maxEntryBytes = 64 * 1024;
export const entriesAFolder = 100;

export const folderOf = (number: number): string => String(Math.floor(number / entriesAFolder)).padStart(6, "0");
export const entryKey = (number: number): string =>
  `${auditPrefix}${folderOf(number)}/${String(number).padStart(8, "0")}.json`;

/** The number that an object's place gives it; undefined for what is no place of an entry. */
export function numberOf(key: string): number | undefined {
  const digits = /^audit\/\d{6}\/(\d{8})\.json$/.exec(key)?.[1];
  const number = Number(digits);
  return digits !== undefined && number > 0 && entryKey(number) === key ? number : undefined;
}

/** What jq and JavaScript write alike, and a terminal shows as it is. */
export const plainText = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u);
const name = plainText(300);
const moment = z.iso.datetime({ precision: 3 });
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Who acted: of people, the account's name alone. */
const whoSchema = z.discriminatedUnion("by", [
  z.strictObject({
    by: z.literal("github"),
    actor: name,
    workflow: name,
    run: name,
    attempt: z.number().int().positive(),
    event: name,
    job: name,
    /** The protected environment whose secrets the job had; null where it does not say. */
    environment: name.nullable(),
  }),
  z.strictObject({ by: z.literal("person"), user: name, host: name, run: name }),
]);
export type Who = z.infer<typeof whoSchema>;

const mostNamed = 50;
const thingSchema = z.strictObject({ name, sha256: sha256.nullable() });
/** Something with its hash, a set with its manifest's; null where nobody has read it. */
export type Thing = z.infer<typeof thingSchema>;
/** `sha256` is over all of them, each as `<sha256 or -> <name>` and a line's end, in the order of the names. */
const thingsSchema = z.strictObject({
  count: z.number().int().nonnegative(),
  sha256,
  first: z.array(thingSchema).max(mostNamed),
});

const common = {
  format: z.literal("lifeboat-audit/1"),
  /** From 1, without a gap. */
  number: z.number().int().positive(),
  /** SHA-256 of the entry before as it is stored; null for the first. */
  previous: sha256.nullable(),
  /** By the store's clock; where `filed` is set, by that of the machine that kept the entry meanwhile. */
  at: moment,
  /** What ties an end to its begin. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  operation: z.string().regex(/^[a-z][a-z-]{0,39}$/),
  who: whoSchema,
  /** When the trail could be written again, and who put the entry there; null: at once. */
  filed: z.strictObject({ at: moment, by: name }).nullable(),
};

const beginSchema = z.strictObject({
  ...common,
  event: z.literal("begin"),
  set: name.nullable(),
  target: name.nullable(),
  /** What a verb of several works does, e.g. `begin` of an incident, or a disaster's scenario. */
  what: name.nullable(),
  rehearsal: z.boolean(),
  reason: plainText(mostReason).nullable(),
  /** The escrow key opens: all else is lost, or somebody has taken it out of its place. */
  breakGlass: z.boolean(),
  /** Why it went on although the trail could not be written. */
  withoutAudit: plainText(mostReason).nullable(),
});
const endSchema = z.strictObject({
  ...common,
  event: z.literal("end"),
  outcome: z.enum(["success", "skipped", "failure", "cancelled"]),
  /** Of the failure. */
  code: z
    .string()
    .regex(/^[a-z0-9-]{1,80}$/)
    .nullable(),
  made: thingsSchema,
  opened: thingsSchema,
  removed: thingsSchema,
});
export const entrySchema = z.discriminatedUnion("event", [beginSchema, endSchema]);
export type AuditEntry = z.infer<typeof entrySchema>;
type Undated<Entry> = Entry extends AuditEntry ? Omit<Entry, "format" | "number" | "previous"> : never;
/** An entry before it has its place in the trail. */
export type Draft = Undated<AuditEntry>;
export type BeginDraft = Extract<Draft, { event: "begin" }>;
export type EndDraft = Extract<Draft, { event: "end" }>;

const storedSchema = z.strictObject({ entry: entrySchema, signature: z.string().max(16_384).nullable() });
export interface StoredEntry extends z.infer<typeof storedSchema> {
  /** What the signature covers. */
  readonly signedBytes: Buffer;
}

/** An entry's place in the chain, by which the whole trail before it is known. */
export interface Head {
  /** How many entries there are; 0: none. */
  readonly count: number;
  /** SHA-256 of the last one as it is stored; null: none. */
  readonly sha256: string | null;
}
export const noHead: Head = { count: 0, sha256: null };

export const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The one text that a document has: names sorted, no spaces. `jq -cS .` writes the same. */
export function canonicalText(document: unknown): string {
  return JSON.stringify(document, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

/** Things as an entry names them: the first ones, how many there are, and a hash of all that a list of them can be held against. */
export function thingsOf(things: readonly Touched[]): EndDraft["made"] {
  const lines = things.map(({ name, sha256 }) => `${sha256 ?? "-"} ${name}\n`).join("");
  return { count: things.length, sha256: hashOf(Buffer.from(lines)), first: things.slice(0, mostNamed) };
}

/** @returns undefined for what is no entry without its place */
export function parseDraft(document: unknown): Draft | undefined {
  if (typeof document !== "object" || document === null) return undefined;
  const entry = entrySchema.safeParse({ ...document, format: "lifeboat-audit/1", number: 1, previous: null }).data;
  if (entry === undefined) return undefined;
  const { format, number, previous, ...draft } = entry;
  return draft;
}

/** The bytes of an entry in its place behind this head, signed where there is a key. */
export async function entryBytes(draft: Draft, { count, sha256: previous }: Head, sign: SignBytes | undefined) {
  const entry = entrySchema.parse({ format: "lifeboat-audit/1", number: count + 1, previous, ...draft });
  const signature = sign === undefined ? null : await sign(Buffer.from(canonicalText(entry)));
  return Buffer.from(`${canonicalText({ entry, signature })}\n`);
}

/** @returns undefined for bytes that are not exactly what `entryBytes` writes */
export function parseEntry(bytes: Uint8Array): StoredEntry | undefined {
  if (bytes.length > maxEntryBytes) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const stored = storedSchema.parse(JSON.parse(text));
    if (`${canonicalText(stored)}\n` !== text) return undefined;
    return { ...stored, signedBytes: Buffer.from(canonicalText(stored.entry)) };
  } catch {
    return undefined;
  }
}
