import { LifeboatError } from "../../base/errors.ts";
import { formatDuration } from "../../base/measures.ts";
import { inspectBucket } from "../../vault/bucket/inspect.ts";
import { lockObject } from "../../vault/bucket/lock.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { deleteVersions } from "../../vault/s3/delete-versions.ts";

/** What a bucket is like for somebody who removes things from it for ever. */
export interface Safety {
  /** The store's clock, ms since 1970. By it everything is judged. */
  readonly now: number;
  readonly bucketLocks: boolean;
  /** Why nothing may be removed here, and what to do; null: it is safe. */
  readonly refusal: { readonly why: string; readonly next: string } | null;
  /** What its owner has to know: locks that protect nothing. */
  readonly notes: readonly string[];
}

export interface SafetyOptions {
  /** This machine's clock. */
  readonly ours: Date;
  /** Default: the store's. */
  readonly storeTime?: ((vault: Vault) => Promise<Date>) | undefined;
  /** Writes nothing: whether locks hold is not tried. */
  readonly dryRun: boolean;
}

/** Two clocks that differ by more cannot both be believed, and nobody knows which is right. */
const mostSkewMinutes = 15;
/** Always the same object. Its lock is over before the next run, which removes the version. */
export const canaryKey = "probe/lock.txt";
const canaryMinutes = 20;

/** @throws ConfigurationError `s3-bucket-missing`, `s3-credentials`, `s3-region`; OperationError `s3-unavailable` */
export async function checkSafety(vault: Vault, { ours, storeTime, dryRun }: SafetyOptions): Promise<Safety> {
  const store = await (storeTime?.(vault) ?? vault.serverTime());
  const { versioning, objectLock } = await inspectBucket(vault);
  const bucketLocks = objectLock.state === "known" && objectLock.value.enabled;
  const skew = Math.abs(store.getTime() - ours.getTime());
  const notes: string[] = [];
  if (!bucketLocks)
    notes.push(
      `Bucket ${vault.bucket} cannot lock objects${objectLock.state === "known" ? "" : `, as far as can be told (${objectLock.why})`}: whoever has its credentials can delete everything in it.`,
    );
  else if (!dryRun) notes.push(...(await tryLock(vault, store)));
  return { now: store.getTime(), bucketLocks, notes, refusal: refusalOf(vault, skew, versioning) };
}

function refusalOf(
  { bucket }: Vault,
  skew: number,
  versioning: Awaited<ReturnType<typeof inspectBucket>>["versioning"],
): Safety["refusal"] {
  if (skew > mostSkewMinutes * 60_000)
    return {
      why: `the clock of bucket ${bucket}'s store and this machine's differ by ${formatDuration(skew)}, and one of them is wrong`,
      next: "Set this machine's clock (or the store's), then run again.",
    };
  if (versioning.state === "known" && versioning.value === "enabled") return null;
  const how = versioning.state === "known" ? versioning.value : `not known (${versioning.why})`;
  return {
    why: `versioning of bucket ${bucket} is ${how}, so that what is removed cannot be told from what was written since`,
    next: "Switch on versioning: `aws s3api put-bucket-versioning --versioning-configuration Status=Enabled`.",
  };
}

/** A store may take a lock, say so, and delete all the same. Only the attempt tells. */
async function tryLock(vault: Vault, store: Date): Promise<string[]> {
  try {
    const body = Buffer.from(
      "Written by `lifeboat retention`, which then tries to delete it, to see that locks hold.\n",
    );
    const until = new Date(store.getTime() + canaryMinutes * 60_000);
    const { versionId } = await vault.put(canaryKey, body, { contentType: "text/plain" });
    // As sets are: first stored, then locked, then asked whether they are.
    await lockObject(vault, canaryKey, until, versionId);
    const { deleted } = await deleteVersions(vault.transport, [{ key: canaryKey, versionId }]);
    if (deleted === 0 || (await vault.head(canaryKey, versionId)) !== undefined) return [];
    return [
      `The store of bucket ${vault.bucket} takes locks and deletes all the same: they protect nothing there. Whoever has its credentials can delete everything in it.`,
    ];
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return [`Whether locks hold in bucket ${vault.bucket} could not be tried: ${error.message}`];
  }
}
