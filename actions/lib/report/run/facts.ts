import type { BackupResult } from "../../operations/backup/result.ts";
import type { RestoreResult } from "../../operations/restore/result.ts";
import type { SyncResult } from "../../operations/sync/result.ts";
import type { RestoreTestReport } from "../../operations/test-restore/result.ts";
import type { VerifyResult } from "../../operations/verify/verify.ts";
import type { Manifest } from "../../vault/format/manifest.ts";
import type { SnapshotManifest } from "../../vault/format/snapshot-manifest.ts";
import type { RunFacts } from "./run-report.ts";

/** What the results of operations say in reports: counts and times, none of their names. */

export function backupFacts({ set, tier, snapshotAt, bucket, counts, stages, files }: BackupResult): RunFacts {
  return {
    ...setFacts({ set, tier, snapshotAt, counts }),
    bucket,
    // The files that were copied in the same snapshot.
    ...(files === undefined ? {} : { files: snapshotFacts(files).files }),
    stages: [...stages],
  };
}

/** Of a set that was there already. */
export function setFacts({
  set,
  tier,
  snapshotAt,
  counts,
}: Pick<Manifest, "set" | "tier" | "snapshotAt" | "counts">): RunFacts {
  return {
    set,
    tier,
    snapshotAt,
    plainBytes: Number(counts.plainBytes),
    storedBytes: Number(counts.storedBytes),
    tables: counts.tables,
    rows: Number(counts.rows),
  };
}

export function verificationFacts({ set, tier, snapshotAt, outcome, storedBytes }: VerifyResult): RunFacts {
  return { set, tier, snapshotAt, outcome, storedBytes };
}

export function restorationFacts(result: RestoreResult): RunFacts {
  const { set, tier, snapshotAt, outcome, counts, stages, differences } = result;
  const count = (verdict: string): number => differences.filter((one) => one.verdict === verdict).length;
  return {
    set,
    ...tierOf(tier),
    snapshotAt,
    outcome,
    stages: [...stages],
    tables: counts.tables,
    rows: Number(counts.rows),
    ...(outcome === "dry-run"
      ? {}
      : {
          restoreSeconds: stages.reduce((sum, { seconds }) => sum + seconds, 0),
          differences: { failed: count("failed"), expected: count("expected"), unverified: count("unverified") },
        }),
  };
}

function tierOf(tier: string): Pick<RunFacts, "tier"> {
  return tier === "daily" || tier === "weekly" || tier === "monthly" ? { tier } : {};
}

/** Of a restore test that came to its end. */
export function restoreTestFacts(report: RestoreTestReport): RunFacts {
  const { set, snapshotAt, stages, counts, restoreSeconds, outcome, proof, differences } = report;
  const count = (verdict: string) => differences.filter((one) => one.verdict === verdict).length;
  return {
    ...{ set, snapshotAt, restoreSeconds, outcome, proof },
    tier: report.tier,
    stages: [...stages],
    storedBytes: Number(counts.storedBytes),
    tables: counts.tables,
    rows: Number(counts.rows),
    differences: { failed: count("failed"), expected: count("expected"), unverified: count("unverified") },
  };
}

/** Of a sync of the files, and of the snapshot that it made. */
export function filesFacts({ set, counts, snapshotAt, stages, failure }: SyncResult): RunFacts {
  return {
    ...snapshotFacts({ set, snapshotAt, counts }),
    storedBytes: Number(counts.storedBytes),
    stages: [...stages],
    outcome: failure === null ? "whole" : "with-findings",
  };
}

/** Of a snapshot of the files that was there already. */
export function snapshotFacts({
  set,
  snapshotAt,
  counts,
}: Pick<SnapshotManifest, "set" | "snapshotAt" | "counts">): RunFacts {
  const { files, bytes, filesCopied, bytesCopied } = counts;
  return {
    ...{ set, snapshotAt },
    files: { count: files, bytes: Number(bytes), moved: filesCopied, movedBytes: Number(bytesCopied) },
  };
}
