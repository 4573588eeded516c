import { countOf, formatBytes, formatCount, formatDuration } from "../../base/measures.ts";
import { type Page, timeTable } from "../../report/page.ts";
import type { RunFacts } from "../../report/run/run-report.ts";
import { meddlingFailure, type Outcome } from "../../report/run/run-report.ts";
import type { SnapshotManifest } from "../../vault/format/snapshot-manifest.ts";
import type { SyncResult } from "./request.ts";

/** What a sync copied and found. Files are counted, never named. */
export function syncPage(result: SyncResult): Page {
  const { counts, inBuckets, stages, warnings, alarms, failure } = result;
  const notes = [
    ...alarms,
    ...Object.entries(counts.findings).map(([kind, count]) => explain(kind, count)),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(failure === null ? [] : [failure]),
  ];
  return {
    title: result.outcome === "published" ? `Files, snapshot ${result.set}` : "Files",
    sentence: sentenceOf(result),
    tables: [
      {
        title: "Buckets",
        header: ["bucket", "files", "bytes", "lost"],
        rows: inBuckets.map(({ bucket, files, bytes, lost }) => [
          ...[bucket, formatCount(files), formatBytes(bytes), formatCount(lost)],
        ]),
      },
      {
        title: "Since the last snapshot",
        header: ["what", "how many"],
        rows: [
          ["copied", `${formatCount(counts.filesCopied)}, ${formatBytes(Number(counts.bytesCopied))}`],
          ["renamed", formatCount(counts.filesRenamed)],
          ["removed", formatCount(counts.filesRemoved)],
          ["read from Storage", formatBytes(Number(counts.egressBytes))],
          ["added to the vault", formatBytes(Number(counts.storedBytes))],
        ],
      },
      timeTable(stages),
    ],
    notes,
  };
}

/** The period's snapshot is there already. */
export function snapshotThere({ set, counts }: Pick<SnapshotManifest, "set" | "counts">): Page {
  const sentence = `The vault has the period's snapshot of the files already: ${set}, of ${countOf(counts.files, "file")}. Nothing was done.`;
  return { title: "Files", sentence, tables: [] };
}

/** What was found of files: of one, and of several. */
const explained: Readonly<Record<string, readonly [string, string]>> = {
  lost: [
    "has a row and no content in Storage: there is nothing to back up",
    "have a row and no content in Storage: there is nothing to back up",
  ],
  orphan: [
    "has no row: Storage lists it, the database does not know it",
    "have no row: Storage lists them, the database does not know them",
  ],
  replaced: [
    "was replaced while the copy ran: the newer content is in the snapshot",
    "were replaced while the copy ran: the newer content is in the snapshot",
  ],
  vanished: ["was deleted while the copy ran", "were deleted while the copy ran"],
  "unlike-row": [
    "is not what its row says: it was taken as it is",
    "are not what their row says: they were taken as they are",
  ],
  "uncarried-key": [
    "has a name that the S3 endpoint does not take: it cannot be read",
    "have a name that the S3 endpoint does not take: they cannot be read",
  ],
  "uncarried-metadata": [
    "has user metadata that S3 cannot carry: a restore sets it by SQL",
    "have user metadata that S3 cannot carry: a restore sets it by SQL",
  ],
};

function explain(kind: string, count: number): string {
  const [one, several] = explained[kind] ?? [kind, kind];
  return `${countOf(count, "file")} ${count === 1 ? one : several}`;
}

function sentenceOf({ outcome, set, previous, counts, startedAt, finishedAt, bucket }: SyncResult): string {
  const took = formatDuration(Date.parse(finishedAt) - Date.parse(startedAt));
  const copied = `${countOf(counts.filesCopied, "file")} (${formatBytes(Number(counts.bytesCopied))})`;
  const all = `${countOf(counts.files, "file")}, ${formatBytes(Number(counts.bytes))}`;
  if (outcome === "rehearsed")
    return `Dry run: ${copied} would be copied, ${countOf(counts.filesRemoved, "file")} removed from the list; nothing was written.`;
  if (outcome === "part") return `This part of the copy is in the vault: ${copied} in ${took}.`;
  if (previous !== null && counts.filesCopied + counts.filesChanged + counts.filesRemoved === 0)
    return `Nothing has changed since snapshot ${previous}: nothing was copied. Snapshot ${set} has ${all}, in ${took}.`;
  const others = [
    ...(counts.filesRenamed > 0 ? [`${formatCount(counts.filesRenamed)} renamed`] : []),
    ...(counts.filesRemoved > 0 ? [`${formatCount(counts.filesRemoved)} removed`] : []),
  ];
  const moved = [`${copied} copied`, ...others].join(", ");
  return `Snapshot ${set} of ${all} is in s3://${bucket}/snapshots/${set}/: ${moved} in ${took}.`;
}

// The jobs of the files' workflow: outputs by the names of actions/sync-storage/action.yml.

export function reportThere(made: SnapshotManifest): Outcome {
  const outputs = { made: "false", snapshot: made.set, parts: "[]" };
  return { outputs, page: snapshotThere(made), facts: snapshotFacts(made), skipped: true };
}

/** A snapshot was made, or would be; what was found in it may fail the job all the same. */
export function reportSnapshot(result: SyncResult): Outcome {
  const { set, counts, alarms } = result;
  const made = result.outcome === "published" ? { made: "true", snapshot: set } : { made: "false" };
  const next = "See the findings in the summary; the policy's storage.failOn says which of them fail a run.";
  const found = result.failure === null ? undefined : { code: "findings", message: result.failure, next };
  const failure = meddlingFailure(alarms) ?? found;
  return {
    outputs: { ...made, parts: "[]", "files-copied": String(counts.filesCopied), "stored-bytes": counts.storedBytes },
    ...{ page: syncPage(result), facts: filesFacts(result) },
    ...(failure !== undefined && { failure }),
  };
}

/** Of a sync of the files, and of the snapshot that it made. */
export function filesFacts(result: SyncResult): RunFacts {
  const { set, counts, snapshotAt, stages, failure, bucket } = result;
  return {
    ...snapshotFacts({ set, snapshotAt, counts }),
    // What was published can be missed there.
    ...(result.outcome === "published" && { bucket }),
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
