import { visible } from "../../base/escaping.ts";
import type { Log } from "../../base/log.ts";
import { clip, countOf, formatBytes, formatCount, formatDuration } from "../../base/measures.ts";
import type { Period } from "../../policy/period.ts";
import { type Page, renderText, timeTable } from "../../report/page.ts";
import type { RunFacts } from "../../report/run/run-report.ts";
import { meddlingFailure } from "../../report/run/run-report.ts";
import type { Manifest, Tier } from "../../vault/format/manifest.ts";
import type { Told } from "../operation.ts";
import { snapshotFacts, syncPage } from "../sync/page.ts";
import type { BackupResult } from "./result.ts";

/** What a backup made, and how long each part of it took. */
export function backupPage(result: BackupResult): Page {
  const { set, tier, bucket, prefix, counts, artifacts, stages, warnings, alarms, sinceLast } = result;
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
    notes: [
      ...alarms,
      ...(sinceLast?.jumps ?? []).slice(0, mostJumps).map(({ what }) => `Since set ${sinceLast?.set}: ${what}.`),
      ...(result.incident === null ? [] : [markNote(result.incident)]),
      ...warnings.map((warning) => `warning: ${warning}`),
    ],
  };
}

/** So many tables are told of. */
const mostJumps = 10;

/** Of a set or a snapshot that was made while an incident was on. */
export function markNote(incident: string): string {
  return `It was made while incident ${incident} was on and bears its mark: it is never the newest good one, and never latest. To use it, name it.`;
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

const next = "Open the snapshot's findings with a private key; what fails a run is the policy's storage.failOn.";

/** A set was made; what was found in its files, or in the vault, may fail the run all the same. */
export function reportBackup(result: BackupResult): Told {
  const found = result.files?.failure;
  const failure =
    meddlingFailure([...result.alarms, ...(result.files?.alarms ?? [])]) ??
    (typeof found === "string" ? { code: "files-found", message: found, next } : undefined);
  const page = backupPage(result);
  const files = result.files === undefined ? [] : [...renderText(syncPage(result.files)), ""];
  return {
    ...{ result, page, lines: [...files, ...renderText(page)], facts: backupFacts(result) },
    ...((result.sinceLast?.jumps.length ?? 0) > 0 && { news: "jumps" as const }),
    outputs: { made: "true", set: result.set, prefix: result.prefix, "stored-bytes": result.counts.storedBytes },
    ...(failure !== undefined && { failure }),
  };
}

/** The vault has the set that would have been made. @param unasked nobody has said `once-per`: that can be overruled */
export function reportMade(made: Manifest, period: Period, unasked: boolean): Told {
  const page = nothingToDoPage(made, period);
  const notes = unasked ? { ...page, notes: ["Give --again to make another all the same."] } : page;
  const outputs = { made: "false", set: made.set };
  return { result: { made: made.set }, page: notes, outputs, facts: setFacts(made), skipped: true };
}

export function reportStandBack(tier: Tier, why: string, log: Log): Told {
  const page = standBackPage(tier, why);
  log.warn(page.sentence);
  return { result: { made: null }, page, outputs: { made: "false" }, skipped: true };
}

export function backupFacts(result: BackupResult): RunFacts {
  const { set, tier, snapshotAt, bucket, counts, stages, files, sinceLast } = result;
  return {
    ...(sinceLast !== null && sinceLast.jumps.length > 0 && { jumps: jumpFacts(sinceLast) }),
    ...setFacts({ set, tier, snapshotAt, counts }),
    bucket,
    // The files that were copied in the same snapshot.
    ...(files === undefined ? {} : { files: snapshotFacts(files).files }),
    stages: [...stages],
  };
}

function jumpFacts({ set, jumps }: NonNullable<BackupResult["sinceLast"]>): RunFacts["jumps"] {
  const what = jumps.slice(0, mostJumps).map((jump) => clip(visible(jump.what), 300));
  return { since: set, what, more: jumps.length - what.length };
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

/** What a rehearsal found out: the preflight's page, and whether a set would be made. @param checked what the verb `check` said */
export function reportRehearsal(checked: Told, tier: string): Told {
  const fine = checked.exitCode === 0;
  const { page = { title: "Preflight", sentence: "", tables: [] } } = checked;
  const would = fine ? `a ${tier} set would be made` : "no set could be made";
  const told = { ...page, sentence: `${page.sentence} Dry run: ${would}; none was.` };
  const next = "Correct what the table says; 'lifeboat check' shows it again.";
  const failure = { code: "preflight-failed", message: told.sentence, next };
  // A job that rehearses has no exit code but this.
  return { ...checked, page: told, outputs: { made: "false" }, ...(!fine && { failure }) };
}
