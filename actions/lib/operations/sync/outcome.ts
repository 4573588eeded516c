import { meddlingFailure, type Outcome } from "../../report/run/outcome.ts";
import type { RunFacts } from "../../report/run/run-report.ts";
import type { SnapshotManifest } from "../../vault/format/snapshot-manifest.ts";
import { snapshotThere, syncPage } from "./page.ts";
import type { SyncResult } from "./request.ts";

// The jobs of the files' workflow: outputs by the names of actions/sync-storage/action.yml.

export function reportThere(made: SnapshotManifest): Outcome {
  const outputs = { made: "false", snapshot: made.set, parts: "[]" };
  return { outputs, page: snapshotThere(made), facts: snapshotFacts(made), skipped: true };
}

/** A snapshot was made; what was found in it may fail the job all the same. */
export function reportSnapshot(result: SyncResult): Outcome {
  const { set, counts, alarms } = result;
  const made = { made: "true", snapshot: set, parts: "[]" };
  const next = "See the findings in the summary; the policy's storage.failOn says which of them fail a run.";
  const found = result.failure === null ? undefined : { code: "findings", message: result.failure, next };
  const failure = meddlingFailure(alarms) ?? found;
  return {
    outputs: { ...made, "files-copied": String(counts.filesCopied), "stored-bytes": counts.storedBytes },
    ...{ page: syncPage(result), facts: filesFacts(result) },
    ...(failure !== undefined && { failure }),
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
