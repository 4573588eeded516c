import { OperationError } from "../../../base/errors.ts";
import { countOf, formatBytes, formatCount } from "../../../base/measures.ts";
import type { FindingKind, StoragePolicy } from "../../../config/policy/storage.ts";
import { type CopyFinding, pathOf, type SnapshotManifest } from "../../../vault/format/snapshot-manifest.ts";
import type { VerifySignature } from "../../../vault/published/signed-manifest.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { firstFew, trustedSnapshots } from "../../../vault/standing.ts";

/** What a run has found and read so far. */
export interface Tally {
  readonly findings: readonly (CopyFinding & { readonly kind: FindingKind })[];
  find(kind: FindingKind, file: { readonly bucket: string; readonly name: string }, detail: string): void;
  /** Says more of a file that was found lost. @param path as `pathOf` writes it */
  amend(path: string, detail: string): void;
  /** Counts one that the findings do not name. */
  add(kind: FindingKind): void;
  /** How many of each kind, without the kinds that there are none of. */
  count(): Partial<Record<FindingKind, number>>;
  /** Bytes read from the source. */
  readonly egressBytes: number;
  /** @throws OperationError `egress-budget` when so many more would be beyond what the policy allows */
  beforeReading(bytes: number): void;
  read(bytes: number): void;
}

/** @param allowed bytes that this run may read; null: no bound */
export function openTally(allowed: number | null): Tally {
  const findings: (CopyFinding & { kind: FindingKind })[] = [];
  const counts: Partial<Record<FindingKind, number>> = {};
  const add = (kind: FindingKind): void => {
    counts[kind] = (counts[kind] ?? 0) + 1;
  };
  let egressBytes = 0;
  let announced = 0;
  return {
    findings,
    find(kind, { bucket, name }, detail) {
      findings.push({ kind, bucket, name, detail });
      add(kind);
    },
    amend(path, more) {
      const at = findings.findIndex((one) => one.kind === "lost" && pathOf(one) === path);
      const found = findings[at];
      if (found !== undefined) findings[at] = { ...found, detail: `${found.detail}; ${more}` };
    },
    add,
    count: () => ({ ...counts }),
    get egressBytes() {
      return egressBytes;
    },
    beforeReading(bytes) {
      announced += bytes;
      if (allowed === null || Math.max(announced, egressBytes + bytes) <= allowed) return;
      throw new OperationError(
        "egress-budget",
        `The policy allows ${formatBytes(allowed)} to be read from Storage now, and there is more to copy.`,
        "What was copied is kept for the next run. Raise storage.egress in the policy, or run again when the month is over.",
      );
    },
    read(bytes) {
      egressBytes += bytes;
    },
  };
}

/** E.g. `2 lost, 1 replaced`. */
export function describeCounts(counts: Partial<Record<FindingKind, number>>): string {
  return Object.entries(counts)
    .map(([kind, count]) => countOf(count, kind, kind))
    .join(", ");
}

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
  const snapshots = await firstFew(trustedSnapshots(vault, verify, { marked: "count" }), 200);
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
    "Check whether files were lost; the earlier snapshots have them. If it was on purpose, run again with --accept-shrinkage.",
  );
}

/** Why findings fail a run whose snapshot is published; null when they do not. */
export function failureOf(found: Partial<Record<FindingKind, number>>, { failOn }: StoragePolicy): string | null {
  const failing = Object.fromEntries(Object.entries(found).filter(([kind]) => failOn.some((one) => one === kind)));
  if (Object.keys(failing).length === 0) return null;
  return `The policy does not accept what was found: ${describeCounts(failing)}. The snapshot's sealed findings name the files.`;
}
