import { z } from "zod";
import { setId, setIdPattern, tierSchema } from "../format/manifest.ts";

/** Where the register lies, in each bucket of the vault: `holds/<set>/<id>.json`. Entries are added, and never changed. */
export const holdsPrefix = "holds/";

export const holdKey = (set: string, id: string): string => `${holdsPrefix}${set}/${id}.json`;

/** Whether an entry lies where it belongs: below the set that it is about, or the snapshot of the files that is held with it. */
export function isInPlace(key: string, { subject, id }: Pick<HoldEntry, "subject" | "id">): boolean {
  const files = subject.kind === "database" ? subject.files : null;
  return key === holdKey(subject.set, id) || (files !== null && key === holdKey(files, id));
}

/** The set that an entry is about by its place; undefined for what is no place of an entry. */
export function setOfEntry(key: string): string | undefined {
  const set = /^holds\/([^/]+)\/[^/]+$/.exec(key)?.[1];
  return set !== undefined && setIdPattern.test(set) ? set : undefined;
}

const subjectSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("database"),
    tier: tierSchema,
    set: setId,
    /** The snapshot of the files that the set names: it is held with it. */
    files: setId.nullable(),
  }),
  z.strictObject({ kind: z.literal("files"), set: setId }),
]);
/** What is held: a set of the database, with the files that belong to it, or a snapshot of the files alone. */
export type HoldSubject = z.infer<typeof subjectSchema>;

const common = {
  format: z.literal("lifeboat-hold/1"),
  /** `<UTC time>-<8 hex>`, the name of the entry. */
  id: setId,
  subject: subjectSchema,
  /** In the words of the person who decided. */
  reason: z.string().min(1).max(500),
  at: z.iso.datetime(),
  /** Who, as the run knew it. */
  by: z.string().max(200),
};

const beginSchema = z.strictObject({
  ...common,
  event: z.literal("begin"),
  /** By the store's clock. Null: until somebody releases it. */
  until: z.iso.datetime().nullable(),
});
export type HoldBegin = z.infer<typeof beginSchema>;

const releaseSchema = z.strictObject({
  ...common,
  event: z.literal("release"),
  /** Ids of the holds that it ends, and of no other: a release that is copied ends no newer one. */
  ends: z.array(setId).min(1),
});
export type HoldRelease = z.infer<typeof releaseSchema>;

export const entrySchema = z.discriminatedUnion("event", [beginSchema, releaseSchema]);
export type HoldEntry = z.infer<typeof entrySchema>;
