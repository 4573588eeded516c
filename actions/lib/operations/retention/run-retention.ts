import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { planStorageRetention, type StorageRetention } from "../../policy/storage-retention.ts";
import { isMissing } from "../../s3/store-errors.ts";
import { readNote, type SignBytes, writeNote } from "../../seal/keys/signature.ts";
import { filesPrefixes } from "../../vault/format/names.ts";
import type { Lease } from "../../vault/lease/lease.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { vaultAsWritten, writtenObjects } from "../../vault/s3/versions.ts";
import { type ExtendedLocks, extendLocks } from "./locks.ts";
import type { removeSnapshots } from "./remove.ts";
import { alarmsOf, compareWritten, surveySnapshots } from "./survey.ts";

export interface RetentionOptions {
  readonly vault: Vault;
  readonly policy: Policy;
  /** Whether the bucket can lock objects. */
  readonly bucketLocks: boolean;
  readonly verify: VerifySignature;
  /** Signs the mark of when it was done; without a key the next sync does it again. */
  readonly sign?: SignBytes | undefined;
  /** Keeps every sync out; null: looks, and changes nothing. */
  readonly lease: Pick<Lease, "assertHeld"> | null;
  /** Given by whoever may delete; without it locks are looked after, and nothing goes. */
  readonly remove?: typeof removeSnapshots;
  readonly log: Log;
  readonly now?: Date;
}

export interface RetentionResult {
  readonly retention: StorageRetention;
  /** Null when the bucket cannot lock. */
  readonly locks: ExtendedLocks | null;
  /** Object versions that were deleted, and what the store refused to delete: a lock keeps it for now. */
  readonly deleted: number;
  readonly keptBack: number;
  /** What somebody else did to the vault, in words for people. Not empty: the run has to fail, and does after its work. */
  readonly alarms: readonly string[];
}

/** Says when retention last ran. Signed: whoever could write it would let every lock lapse. Vaults have it under this former name. */
const markKey = "upkeep/done.json";
const markSchema = z.strictObject({ format: z.literal("lifeboat-upkeep/1"), at: z.iso.datetime() });
const everyDays = 7;

/** Whether the last run of retention that a trusted key signed for was more than a week ago, or is said to lie ahead. One request. */
export async function retentionIsDue(vault: Vault, verify: VerifySignature, now = new Date()): Promise<boolean> {
  try {
    const note = await readNote((await vault.get(markKey, { maxBytes: 16 * 1024 })).body, verify);
    const mark = note?.trusted === true ? markSchema.safeParse(note.document).data : undefined;
    const age = now.getTime() - Date.parse(mark?.at ?? "");
    return !(age > -86_400_000 && age <= everyDays * 86_400_000);
  } catch (error) {
    if (isMissing(error) || (error instanceof LifeboatError && error.code === "s3-too-large")) return true;
    throw error;
  }
}

/**
 * Looks after the vault of the files: extends the locks of what kept snapshots name, and, for whoever may delete, removes
 * snapshots that the policy no longer keeps together with what only they named, and what no snapshot names. What somebody hid or replaced counts as it was written; while anything
 * that matters is not as it was written, nothing is removed.
 * @throws OperationError `lease-lost`, `lock-failed`, `s3-unavailable`
 */
export async function runRetention(options: RetentionOptions): Promise<RetentionResult> {
  const { vault, policy, lease, log, now = new Date() } = options;
  const objects = await writtenObjects(vault, filesPrefixes);
  const written = vaultAsWritten(vault, objects);
  const { snapshots, unreadable } = await surveySnapshots(written, objects, options.verify);
  const { meddled, gone } = compareWritten(objects, snapshots);
  const { tiers, storage } = policy;
  const facts = { snapshots, unreadable, objects, meddled: [...meddled.map(({ key }) => key), ...gone] };
  const retention = planStorageRetention({ ...facts, tiers, retention: policy.retention, now });
  const until = new Map(retention.stay.map((one) => [one.set, one.until]));
  const locking = { lockDays: storage.retention.lockDays, now, dryRun: lease === null, meddled, gone: new Set(gone) };
  const kept = snapshots.flatMap((one) => {
    const stays = until.get(one.set);
    return stays === undefined ? [] : [{ ...one, until: stays }];
  });
  const locked = kept.filter(({ tier }) => tiers[tier].lock !== "none");
  const locks = options.bucketLocks ? await extendLocks(written, locked, locking) : null;
  const alarms = alarmsOf({ meddled, gone }, unreadable);
  for (const alarm of alarms) log.warn(alarm);
  if (lease === null) return { retention, locks, deleted: 0, keptBack: 0, alarms };
  if (options.remove !== undefined && retention.heldBack !== null)
    log.warn(`Nothing was removed from the files' vault: ${retention.heldBack}.`);
  const removed = (await options.remove?.(vault, retention, snapshots, lease)) ?? { deleted: 0, keptBack: 0 };
  const mark = { format: "lifeboat-upkeep/1", at: now.toISOString() } satisfies z.infer<typeof markSchema>;
  // With an alarm it stays due: the next sync looks again, and fails until somebody has.
  if (options.sign !== undefined && alarms.length === 0) await vault.put(markKey, await writeNote(mark, options.sign));
  return { retention, locks, ...removed, alarms };
}
