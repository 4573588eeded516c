import { countOf, formatBytes, formatCount, formatDuration } from "../../base/measures.ts";
import type { Period } from "../../policy/period.ts";
import { type Page, timeTable } from "../../report/page.ts";
import type { Manifest } from "../../vault/format/manifest.ts";
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

const present: Readonly<Record<Period, (tier: string) => string>> = {
  "10h": (tier) => `a ${tier} set of the last ten hours`,
  day: (tier) => `today's ${tier} set`,
  week: (tier) => `this week's ${tier} set`,
  month: (tier) => `this month's ${tier} set`,
  "month-from-sunday": (tier) => `this month's ${tier} set`,
};

/** Why an attempt made no set: the vault has the one that it would have made. */
export function nothingToDoPage({ set, tier, snapshotAt }: Manifest, period: Period): Page {
  return {
    title: "Nothing to do",
    sentence: `The vault has ${present[period](tier)} already: ${set}, as of ${snapshotAt}.`,
    tables: [],
  };
}

/** Why an attempt made no set although one was due. */
export function standBackPage(tier: string, why: string): Page {
  return { title: "Stood back", sentence: `This day's second ${tier} set stands back: ${why}.`, tables: [] };
}
