import { type ActionResult, meddlingFailure } from "../../report/run/action-result.ts";
import type { RunFacts } from "../../report/run/run-report.ts";
import type { Manifest } from "../../vault/format/manifest.ts";
import { snapshotFacts } from "../sync/outcome.ts";
import { backupPage } from "./page.ts";
import type { BackupResult } from "./result.ts";

const next = "Open the snapshot's findings with a private key; what fails a run is the policy's storage.failOn.";

/** A set was made; what was found in its files, or in the vault, may fail the run all the same. */
export function reportBackup(result: BackupResult): ActionResult {
  const found = result.files?.failure;
  const failure =
    meddlingFailure([...result.alarms, ...(result.files?.alarms ?? [])]) ??
    (typeof found === "string" ? { code: "files-found", message: found, next } : undefined);
  return {
    outputs: { made: "true", set: result.set, prefix: result.prefix, "stored-bytes": result.counts.storedBytes },
    ...{ page: backupPage(result), facts: backupFacts(result) },
    ...(failure !== undefined && { failure }),
  };
}

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
