import { OperationError } from "../../base/errors.ts";
import { formatCount } from "../../base/measures.ts";
import type { FindingKind, StoragePolicy } from "../../config/policy/storage.ts";
import type { SnapshotManifest } from "../../vault/format/snapshot-manifest.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { firstFew, trustedSnapshots } from "../../vault/trusted.ts";
import { describeCounts } from "./source/tally.ts";

/**
 * Bytes that this run may still read from the source; null: no bound. The month's are those of its published snapshots.
 */
export async function allowedEgress(
  vault: Vault,
  verify: VerifySignature,
  { egress }: StoragePolicy,
  now: Date,
): Promise<number | null> {
  if (egress.bytesPerMonth === null) return egress.bytesPerRun;
  const month = now.toISOString().slice(0, 7);
  const snapshots = await firstFew(trustedSnapshots(vault, verify), 200);
  const spent = snapshots
    .filter(({ startedAt }) => startedAt.startsWith(month))
    .reduce((sum, { counts }) => sum + Number(counts.egressBytes), 0);
  return Math.min(Math.max(0, egress.bytesPerMonth - spent), egress.bytesPerRun ?? Number.POSITIVE_INFINITY);
}

/** @throws OperationError `shrunk` when more files are gone than the policy finds believable */
export function boundVanishing(
  before: Pick<SnapshotManifest, "set" | "counts"> | undefined,
  removed: number,
  { largestVanishingShare }: StoragePolicy,
  accept: boolean,
  warnings: string[],
): void {
  if (before === undefined || before.counts.files === 0) return;
  if (removed / before.counts.files <= largestVanishingShare) return;
  const text = `${formatCount(removed)} of the ${formatCount(before.counts.files)} files of snapshot ${before.set} are gone.`;
  if (accept) {
    warnings.push(`${text} It was accepted.`);
    return;
  }
  throw new OperationError(
    "shrunk",
    `${text} The policy accepts a share of ${largestVanishingShare}.`,
    "Look whether files were lost; the earlier snapshots have them. If it was on purpose, run again with --accept-shrinkage.",
  );
}

/** Why findings fail a run whose snapshot is published; null when they do not. */
export function failureOf(found: Partial<Record<FindingKind, number>>, { failOn }: StoragePolicy): string | null {
  const failing = Object.fromEntries(Object.entries(found).filter(([kind]) => failOn.some((one) => one === kind)));
  if (Object.keys(failing).length === 0) return null;
  return `The policy does not accept what was found: ${describeCounts(failing)}. The snapshot's sealed findings name the files.`;
}
