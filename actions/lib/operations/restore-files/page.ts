import { countOf, formatBytes, formatDuration } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import type { Outcome } from "../../report/run/run-report.ts";
import type { FilesResult } from "./files-result.ts";
import type { FolderResult } from "./to-folder.ts";
import type { FileDifference } from "./verify-files.ts";

/** What a restore of files did and what it found. Files are named by their row's id: their paths hold people's names. */
export function fileRestorationPage(result: FilesResult): Page {
  const { counts, findings, stages, bucketsMade, limitsLifted } = result;
  const untold = counts.findings - findings.length;
  return {
    title: `Files of snapshot ${result.snapshot}`,
    sentence: filesSentence(result),
    tables: [
      findingTable(findings),
      {
        title: "Time",
        header: ["stage", "took"],
        rows: stages.map(({ name, seconds }) => [name, formatDuration(seconds * 1000)]),
      },
    ],
    notes: [
      ...(untold > 0
        ? [`${countOf(untold, "finding")} more: see --json of a run with fewer files (--bucket, --prefix)`]
        : []),
      ...(findings.length > 0
        ? ["which file an id is: select bucket_id, name from storage.objects where id = '…', at the source"]
        : []),
      ...(bucketsMade.length > 0 ? [`buckets made: ${bucketsMade.join(", ")}`] : []),
      ...(limitsLifted.length > 0 ? [`limits lifted for the time and back again: ${limitsLifted.join(", ")}`] : []),
      ...result.notes,
    ],
  };
}

/** The words `equal to it` stand in it only when the outcome is that. */
export function filesSentence({ outcome, snapshot, takenAt, target, counts }: FilesResult): string {
  const chosen = `${countOf(counts.chosen, "file")} (${formatBytes(counts.bytes)})`;
  const done = `${countOf(counts.sent, "file")} sent (${formatBytes(counts.sentBytes)}), ${counts.present} there before`;
  const where = `of snapshot ${snapshot} (as of ${takenAt})`;
  switch (outcome) {
    case "equal":
      return `${chosen} ${where} are in target ${target} and equal to it: ${done}, all read back.`;
    case "sampled":
      return `${chosen} ${where} are in target ${target}: ${done}. Read back and equal: a sample of ${counts.readBack}; rows compared of all.`;
    case "differs":
      return `Of ${chosen} ${where}, ${countOf(counts.findings, "thing")} in target ${target} DIFFER or could not be restored: ${done}. Run the same command again: it sends what is missing; with --overwrite also what has other bytes.`;
    case "unverified":
      return `${chosen} ${where} were brought into target ${target}, but ${countOf(counts.findings, "thing")} could not be verified: ${done}. Run the same command again.`;
    case "dry-run":
      return `Dry run: of ${chosen} ${where}, ${countOf(counts.sent, "file")} (${formatBytes(counts.sentBytes)}) would be sent to target ${target}; ${counts.present} are there, ${counts.different} are there with other bytes. Nothing was written.`;
  }
}

export function folderPage({ outcome, snapshot, takenAt, counts, findings, notes }: FolderResult): Page {
  const chosen = `${countOf(counts.chosen, "file")} (${formatBytes(counts.bytes)}) of snapshot ${snapshot} (as of ${takenAt})`;
  const sentences = {
    equal: `${chosen} are in the folder, each with the bytes that were backed up: ${counts.written} written, ${counts.present} there before.`,
    differs: `Of ${chosen}, ${countOf(findings.length, "file")} could NOT be written: ${counts.written} were, ${counts.present} were there before.`,
    unverified: `${chosen} are in the folder, but whose files were erased could not be looked up: ${counts.written} written, ${counts.present} there before.`,
    "dry-run": `Dry run: of ${chosen}, ${counts.written} would be written; ${counts.present} are there. Nothing was written.`,
  };
  return {
    title: `Files of snapshot ${snapshot}`,
    sentence: sentences[outcome],
    tables: [findingTable(findings.slice(0, 100))],
    notes: [
      ...notes,
      ...(outcome === "dry-run"
        ? []
        : ["%files.ndjson in the folder says which path is which file, and what its row said"]),
      ...(counts.renamed > 0
        ? [`${countOf(counts.renamed, "file")} under another path than the name, which a file system could not hold`]
        : []),
    ],
  };
}

function findingTable(findings: readonly FileDifference[]) {
  return {
    title: "Findings",
    header: ["verdict", "bucket", "id of the row", "aspect", "why"],
    rows: findings.map(({ verdict, bucket, id, aspect, why }) => [verdict, bucket, id, aspect, why]),
  };
}

const next = "Look at each difference in what the run printed (its summary, in a job) before anybody uses the copy.";

export function reportFiles(result: FilesResult): Outcome {
  const page = fileRestorationPage(result);
  const good = ["equal", "sampled", "dry-run"].includes(result.outcome);
  return {
    outputs: { "files-outcome": result.outcome },
    ...{ page, facts: { set: result.snapshot, outcome: result.outcome } },
    ...(good ? {} : restoreFailure(`files-${result.outcome}`, page.sentence)),
  };
}

export function reportFolder(result: FolderResult): Outcome {
  const page = folderPage(result);
  return {
    outputs: { "files-outcome": result.outcome },
    ...{ page, facts: { set: result.snapshot, outcome: result.outcome } },
    ...(["differs", "unverified"].includes(result.outcome)
      ? restoreFailure(`files-${result.outcome}`, page.sentence)
      : {}),
  };
}

export function restoreFailure(outcome: string, message: string): Pick<Outcome, "failure"> {
  return { failure: { code: `restore-${outcome}`, message, next } };
}
