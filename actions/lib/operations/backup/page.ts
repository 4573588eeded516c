import { countOf, formatBytes, formatCount, formatDuration } from "../../base/measures.ts";
import { type Page, timeTable } from "../../report/page.ts";
import type { BackupResult } from "./result.ts";

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
        rows: artifactRows(artifacts),
      },
      timeTable(stages),
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

/** Empty tables have exports of their own, which are told in one line. */
function artifactRows(artifacts: BackupResult["artifacts"]): string[][] {
  const isEmpty = ({ kind, plainBytes }: BackupResult["artifacts"][number]) => kind === "json" && plainBytes === 0;
  const empty = artifacts.filter(isEmpty);
  const rows = artifacts
    .filter((artifact) => !isEmpty(artifact))
    .map(({ name, kind, plainBytes, storedBytes }) => [name, kind, formatBytes(plainBytes), formatBytes(storedBytes)]);
  if (empty.length === 0) return rows;
  const stored = empty.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  return [...rows, [`json/… of ${countOf(empty.length, "empty table")}`, "json", formatBytes(0), formatBytes(stored)]];
}
