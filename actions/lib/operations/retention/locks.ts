import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import type { Policy } from "../../config/policy/policy.ts";
import type { NamingSnapshot } from "../../policy/names.ts";
import { isMissing } from "../../s3/store-errors.ts";
import { readNote, type SignBytes, writeNote } from "../../seal/keys/signature.ts";
import { lockObject, retainUntil } from "../../vault/bucket/lock.ts";
import { snapshotPrefix } from "../../vault/format/names.ts";
import { manifestName, signatureName, type VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { WrittenObject } from "../../vault/s3/versions.ts";
import { type FilesSurvey, surveyFiles } from "./survey.ts";

const day = 86_400_000;

/** Objects by the run that wrote them, each in byte order: the order in which they are locked. */
export function byRun(names: Iterable<string>): Map<string, string[]> {
  const runs = new Map<string, string[]>();
  for (const key of [...names].sort()) {
    const run = key.split("/")[1] ?? "";
    const known = runs.get(run);
    if (known === undefined) runs.set(run, [key]);
    else known.push(key);
  }
  return runs;
}

export interface ExtendedLocks {
  /** Runs that were looked at, by their first and last object. */
  readonly runs: number;
  /** Runs of which less than half of the lock was left. */
  readonly due: readonly string[];
  /** Objects whose lock was extended, manifests included. */
  readonly extended: number;
}

/** A snapshot that stays, and until when (ISO 8601); null: as long as it is among the newest. */
export interface LockedSnapshot extends Pick<NamingSnapshot, "set" | "tier" | "names"> {
  readonly until: string | null;
}

export interface Locking {
  readonly lockDays: number;
  readonly now: Date;
  /** Tells which runs are due and changes nothing. */
  readonly dryRun: boolean;
  /** Objects that were hidden or replaced: what lies below has to be locked by its version, each looked at. */
  readonly meddled: readonly WrittenObject[];
  /** Keys that are named and not there: they must not keep the others from being locked. */
  readonly gone: ReadonlySet<string>;
}

/**
 * Extends the locks of everything that the given snapshots name where less than half is left. Two requests a run tell; only
 * where they say so, each object is asked. Manifests are not extended with the rest: they are locked for as long as their
 * tier keeps the snapshot, so that it can go on its day.
 * @throws OperationError `lock-failed`, `s3-unavailable`
 */
export async function extendLocks(
  vault: Vault,
  snapshots: readonly LockedSnapshot[],
  { lockDays, now, dryRun, meddled, gone }: Locking,
): Promise<ExtendedLocks> {
  const below = new Map(meddled.map(({ key, versionId }) => [key, versionId]));
  const shared = snapshots.flatMap(({ names }) => [...names].filter((key) => !isManifest(key) && !gone.has(key)));
  const runs = byRun(new Set(shared));
  const due = await mapBounded([...runs], 16, async ([run, keys]) => {
    const ends = [...new Set([keys[0], keys.at(-1)])].filter((key) => key !== undefined);
    const heads = await Promise.all(ends.map((key) => vault.head(key)));
    const left = heads.map((head) => (head?.retainUntil?.getTime() ?? 0) - now.getTime());
    return Math.min(...left) < (lockDays * day) / 2 ? [run] : [];
  });
  const names = due.flat();
  if (dryRun) return { runs: runs.size, due: names, extended: 0 };
  const until = retainUntil(now, lockDays);
  const named = new Set(shared);
  const dueNow = [...names.flatMap((run) => runs.get(run) ?? []), ...[...below.keys()].filter((key) => named.has(key))];
  const later = [...new Set(dueNow)].map((key) => ({ key, until }));
  const manifests = snapshots
    .flatMap((one) => (one.until === null ? [] : manifestLocks(one.set, new Date(one.until))))
    .filter(({ key }) => !gone.has(key));
  const done = await mapBounded([...later, ...manifests], 16, ({ key, until }) =>
    lockObject(vault, key, until, below.get(key)),
  );
  return { runs: runs.size, due: names, extended: done.filter(Boolean).length };
}

/**
 * Locks what a run has just published: its manifest until the tier no longer keeps the snapshot, everything else that it
 * stored for the policy's `lockDays`.
 * @param keys new objects of this run, in any order @param keepDays of the tier
 */
export async function lockPublishedSnapshot(
  vault: Vault,
  {
    set,
    keys,
    from,
    keepDays,
    lockDays,
  }: {
    readonly set: string;
    readonly keys: Iterable<string>;
    readonly from: Date;
    readonly keepDays: number;
    readonly lockDays: number;
  },
): Promise<void> {
  const until = retainUntil(from, lockDays);
  // In byte order: whoever looks at the first and the last knows about all between them.
  const shared = [...keys].filter((key) => !isManifest(key)).sort();
  const all = [...shared.map((key) => ({ key, until })), ...manifestLocks(set, retainUntil(from, keepDays))];
  await mapBounded(all, 16, ({ key, until }) => lockObject(vault, key, until));
}

function manifestLocks(set: string, until: Date): { key: string; until: Date }[] {
  return [signatureName, manifestName].map((name) => ({ key: snapshotPrefix(set) + name, until }));
}

function isManifest(key: string): boolean {
  return key.startsWith("snapshots/") && (key.endsWith(`/${manifestName}`) || key.endsWith(`/${signatureName}`));
}

/** Says when the files' locks were last looked at. Signed: whoever could write it would let every lock lapse. Vaults have it under this former name. */
const markKey = "upkeep/done.json";
const markSchema = z.strictObject({ format: z.literal("lifeboat-upkeep/1"), at: z.iso.datetime() });
const everyDays = 7;

/** Whether the last look that a trusted key signed for was more than a week ago, or is said to lie ahead. One request. */
export async function locksAreDue(vault: Vault, verify: VerifySignature, now = new Date()): Promise<boolean> {
  try {
    const note = await readNote((await vault.get(markKey, { maxBytes: 16 * 1024 })).body, verify);
    const mark = note?.trusted === true ? markSchema.safeParse(note.document).data : undefined;
    const age = now.getTime() - Date.parse(mark?.at ?? "");
    return !(age > -day && age <= everyDays * day);
  } catch (error) {
    if (isMissing(error) || (error instanceof LifeboatError && error.code === "s3-too-large")) return true;
    throw error;
  }
}

export interface KeepLocksOptions {
  readonly vault: Vault;
  readonly policy: Policy;
  /** Whether the bucket can lock objects. */
  readonly bucketLocks: boolean;
  readonly verify: VerifySignature;
  /** Signs the mark of when it was done; without a key the next sync does it again. */
  readonly sign?: SignBytes | undefined;
  readonly log: Log;
  readonly now?: Date;
}

export interface KeptLocks {
  /** Null when the bucket cannot lock. */
  readonly locks: ExtendedLocks | null;
  /** What somebody else did to the vault, in words for people. Not empty: the run has to fail, and does after its work. */
  readonly alarms: readonly string[];
}

/**
 * Extends the locks of what snapshots name that are within their term, or among the newest: once a week a sync does it, so that
 * locks hold where retention does not run. What stays for another reason, a hold or a set that it belongs to, is for retention to lock.
 * @throws OperationError `lock-failed`, `s3-unavailable`
 */
export async function keepLocks(options: KeepLocksOptions): Promise<KeptLocks> {
  const { vault, policy, log, now = new Date() } = options;
  const survey = await surveyFiles(vault, options.verify);
  for (const alarm of survey.alarms) log.warn(alarm);
  const newest = new Set(survey.snapshots.slice(0, policy.retention.keepNewest).map(({ set }) => set));
  const kept = survey.snapshots.flatMap((one): LockedSnapshot[] => {
    const until = Date.parse(one.snapshotAt) + policy.tiers[one.tier].retentionDays * day;
    if (until > now.getTime()) return [{ ...one, until: new Date(until).toISOString() }];
    return newest.has(one.set) ? [{ ...one, until: null }] : [];
  });
  const locks = await extendKept(survey, kept, { ...options, now, dryRun: false });
  // With an alarm it stays due: the next sync looks again, and fails until somebody has.
  if (survey.alarms.length === 0) await markLocks(vault, options.sign, now);
  return { locks, alarms: survey.alarms };
}

interface Extending extends Pick<KeepLocksOptions, "policy" | "bucketLocks"> {
  readonly now: Date;
  /** Tells which runs are due and changes nothing. */
  readonly dryRun: boolean;
}

/** @param kept snapshots that stay @returns null when the bucket cannot lock */
export async function extendKept(
  { written, meddled, gone }: FilesSurvey,
  kept: readonly LockedSnapshot[],
  { policy, bucketLocks, now, dryRun }: Extending,
): Promise<ExtendedLocks | null> {
  if (!bucketLocks) return null;
  const locked = kept.filter(({ tier }) => policy.tiers[tier].lock !== "none");
  const { lockDays } = policy.storage.retention;
  return extendLocks(written, locked, { lockDays, now, dryRun, meddled, gone: new Set(gone) });
}

/** Notes that the locks were looked at; without a key the next sync does it again. */
export async function markLocks(vault: Vault, sign: SignBytes | undefined, now: Date): Promise<void> {
  const mark = { format: "lifeboat-upkeep/1", at: now.toISOString() } satisfies z.infer<typeof markSchema>;
  if (sign !== undefined) await vault.put(markKey, await writeNote(mark, sign));
}
