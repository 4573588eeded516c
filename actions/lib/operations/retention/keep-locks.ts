import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { isMissing } from "../../s3/store-errors.ts";
import { readNote, type SignBytes, writeNote } from "../../seal/keys/signature.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type ExtendedLocks, extendLocks, type LockedSnapshot } from "./locks.ts";
import { type FilesSurvey, surveyFiles } from "./survey.ts";

/** Says when the files' locks were last looked at. Signed: whoever could write it would let every lock lapse. Vaults have it under this former name. */
const markKey = "upkeep/done.json";
const markSchema = z.strictObject({ format: z.literal("lifeboat-upkeep/1"), at: z.iso.datetime() });
const everyDays = 7;
const day = 86_400_000;

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
