import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { readNote } from "../../seal/keys/signature.ts";
import { mostReason, setId, setIdPattern, tierSchema } from "../format/manifest.ts";
import { alarmOf } from "../published/publications.ts";
import type { VerifyRelease } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { type WrittenObject, writtenObjects } from "../s3/versions.ts";

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
  reason: z.string().min(1).max(mostReason),
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

/** A person makes a few in a year. More than so many are somebody's doing: then everything counts as held. */
const mostEntries = 10_000;
const maxEntryBytes = 64 * 1024;

/** One hold, as its entry says. */
export interface Hold extends HoldBegin {
  /** A trusted key has signed it. One without a signature holds as well. Its `until` ends it only where a person's key has signed it. */
  readonly signed: boolean;
  /** What ended it; null: it holds. */
  readonly ended: "released" | "over" | null;
  /** When its entry was stored, by the store's clock. */
  readonly storedAt: Date | undefined;
}

/** What is held, and since when. */
export interface HoldRegister {
  /** All that were ever placed and can be read, oldest first, by the second. */
  readonly holds: readonly Hold[];
  /** Sets that have an entry which cannot be read: it may be a hold, so it is one. */
  readonly unreadable: readonly string[];
  /** Why everything counts as held: the register cannot be read. Null: it can. */
  readonly everything: string | null;
  /** What somebody else did to the register, in words for people. */
  readonly alarms: readonly string[];
  /** Changes whenever somebody writes into the register. */
  readonly mark: string;
}

interface ReadEntry {
  readonly set: string;
  readonly key: string;
  readonly entry: HoldEntry | undefined;
  /** By a key whose word lets things go; `known`: at least by one whose word on what stays is repeated. */
  readonly signed: boolean;
  readonly known: boolean;
  readonly storedAt: Date | undefined;
}

/**
 * Reads the register of holds of one bucket, as it was written: an entry that somebody has hidden or replaced counts as before,
 * and is an alarm. To hold needs no key; a release counts only with a trusted signature, for the holds that it names.
 *
 * Never throws because of what the store says: a register that cannot be read holds everything.
 * @param verify whose signatures count on a release (`releaseVerifier` of vault/configured)
 */
export async function readHolds(vault: Vault, verify: VerifyRelease): Promise<HoldRegister> {
  try {
    const objects = await writtenObjects(vault, [holdsPrefix], mostEntries);
    if (objects.length > mostEntries) return unreadableRegister(vault, `it has more than ${mostEntries} entries`);
    const stray = objects.find(({ key }) => setOfEntry(key) === undefined);
    if (stray !== undefined) return unreadableRegister(vault, `nobody knows what ${stray.key} is`);
    const read = await mapBounded(objects, 16, (one) => readEntry(vault, one, verify));
    const needsClock = read.some(({ entry }) => entry?.event === "begin" && entry.until !== null);
    return judge(objects, read, needsClock ? await vault.serverTime() : new Date(0));
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return unreadableRegister(vault, error.message);
  }
}

/** Why this set, or this snapshot of the files, is held; null: it is not. A sentence for people, without its full stop. */
export function whyHeld(register: HoldRegister, set: string): string | null {
  if (register.everything !== null) return register.everything;
  const hold = register.holds.find((one) => one.ended === null && holdsSet(one, set));
  if (hold !== undefined) return describeHold(hold);
  return register.unreadable.includes(set) ? "an entry in the register of holds cannot be read" : null;
}

/** Whether this hold keeps that set. */
export function holdsSet({ subject }: Pick<Hold, "subject">, set: string): boolean {
  return subject.set === set || (subject.kind === "database" && subject.files === set);
}

/** Words that nobody trusted has signed are not repeated. */
export function describeHold({ reason, at, until, signed }: Hold): string {
  if (!signed) return "a hold that no trusted key has signed keeps it";
  const end = until === null ? "" : ` until ${until.slice(0, 10)}`;
  return `a hold keeps it since ${at.slice(0, 10)}${end}: ${reason}`;
}

/** Several registers as one: of both buckets of the vault, and of the replica. What one of them holds is held. */
export function joinRegisters(registers: readonly HoldRegister[]): HoldRegister {
  return {
    holds: onceEach(registers.flatMap(({ holds }) => holds)),
    unreadable: [...new Set(registers.flatMap(({ unreadable }) => unreadable))],
    everything: registers.map(({ everything }) => everything).find((why) => why !== null) ?? null,
    alarms: [...new Set(registers.flatMap(({ alarms }) => alarms))],
    mark: registers.map(({ mark }) => mark).join("\n\n"),
  };
}

/** A hold has an entry in each bucket that has a part of its set, and in the replica. Oldest first, by the second. */
function onceEach(holds: readonly Hold[]): Hold[] {
  const known = new Map<string, Hold>();
  for (const one of holds) {
    // Who lays down another hold of the same name takes none away.
    const name = JSON.stringify([one.id, one.subject]);
    const other = known.get(name);
    // A signed entry says more than its copy without a signature. An end counts wherever its release lies.
    known.set(name, { ...(other?.signed === true ? other : one), ended: other?.ended ?? one.ended });
  }
  return [...known.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function readEntry(
  vault: Vault,
  { key, versionId, lastModified }: WrittenObject,
  verify: VerifyRelease,
): Promise<ReadEntry> {
  const set = setOfEntry(key) ?? "";
  const found = { set, key, storedAt: lastModified };
  try {
    const { body } = await vault.get(key, { versionId, maxBytes: maxEntryBytes });
    const note = await readNote(body, verify);
    const entry = entrySchema.safeParse(note?.document).data;
    // Signed for another place, and laid here by somebody.
    if (entry === undefined || !isInPlace(key, entry))
      return { ...found, entry: undefined, signed: false, known: false };
    const signed = note?.trusted === true;
    const known = signed || (verify.begins !== undefined && (await readNote(body, verify.begins))?.trusted === true);
    return { ...found, entry, signed, known };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return { ...found, entry: undefined, signed: false, known: false };
  }
}

function judge(objects: readonly WrittenObject[], read: readonly ReadEntry[], now: Date): HoldRegister {
  const released = new Set<string>();
  const forged: string[] = [];
  for (const { key, entry, signed } of read) {
    if (entry?.event !== "release") continue;
    if (signed) for (const id of entry.ends) released.add(`${entry.subject.set}/${id}`);
    else forged.push(key);
  }
  const holds = read.flatMap(({ entry, signed, known, storedAt }): Hold[] => {
    if (entry?.event !== "begin") return [];
    const over = signed && entry.until !== null && now.getTime() >= Date.parse(entry.until);
    const ended = released.has(`${entry.subject.set}/${entry.id}`) ? "released" : over ? "over" : null;
    return [{ ...entry, signed: known, ended, storedAt }];
  });
  const of = (state: WrittenObject["state"]) => objects.filter((one) => one.state === state).map(({ key }) => key);
  const damaged = read.filter(({ entry }) => entry === undefined);
  return {
    holds: onceEach(holds),
    unreadable: [...new Set(damaged.map(({ set }) => set))],
    everything: null,
    alarms: [
      ...alarmOf(
        of("hidden"),
        "hidden by delete markers, and counted all the same",
        "entry of a hold",
        "entries of holds",
      ),
      ...alarmOf(of("replaced"), "written again, and counted as before", "entry of a hold", "entries of holds"),
      ...alarmOf(
        damaged.map(({ key }) => key),
        "made unreadable, and counted as a hold",
        "entry of a hold",
        "entries of holds",
      ),
      ...alarmOf(forged, "released without a trusted signature, and held all the same", "hold"),
    ],
    mark: objects.map(({ key, versionId, state }) => `${key} ${versionId} ${state}`).join("\n"),
  };
}

function unreadableRegister({ bucket }: Vault, why: string): HoldRegister {
  const everything = `the register of holds in bucket ${bucket} cannot be read: ${why}`;
  const alarm = `ALARM: ${everything.replace(/\.$/, "")}. Everything counts as held.`;
  return { holds: [], unreadable: [], everything, alarms: [alarm], mark: `unreadable ${why}` };
}
