import type { BackupResult } from "../backup/result.ts";
import { countOf, formatBytes, formatCount, formatDuration } from "../runtime/measures.ts";
import type { Page } from "./page.ts";
import { timeTable } from "./time-table.ts";

/** What a backup made, and how long each part of it took. */
export function backupPage(result: BackupResult): Page {
  const { set, tier, bucket, prefix, counts, artifacts, stages, warnings, alarms } = result;
  const took = formatDuration(Date.parse(result.finishedAt) - Date.parse(result.startedAt));
  return {
    title: `Backup set ${set}`,
    sentence:
      `Set ${set} (${tier}) is in the vault: ${countOf(counts.tables, "table")}, ${countOf(counts.rows, "row")}, ` +
      `${formatBytes(Number(counts.plainBytes))} sealed to ${formatBytes(Number(counts.storedBytes))} in ${took}, ` +
      `as of ${result.snapshotAt}, in s3://${bucket}/${prefix}.`,
    tables: [
      {
        title: "Artifacts",
        header: ["artifact", "kind", "plain", "stored"],
        rows: artifacts.map((artifact) => [
          artifact.name,
          artifact.kind,
          formatBytes(artifact.plainBytes),
          formatBytes(artifact.storedBytes),
        ]),
      },
      timeTable(stages.map(({ stage, seconds }) => ({ name: stage, seconds }))),
      {
        title: "In the set",
        header: ["what", "how many"],
        rows: [
          ["objects", formatCount(counts.objects)],
          ["tables", formatCount(counts.tables)],
          ["rows", formatCount(counts.rows)],
          ["sequences", formatCount(counts.sequences)],
          ["large objects", formatCount(counts.largeObjects)],
          ["locked until", result.retainUntil ?? "not locked"],
        ],
      },
    ],
    notes: [...alarms, ...warnings.map((warning) => `warning: ${warning}`)],
  };
}
