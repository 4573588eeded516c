import { countOf } from "../../base/measures.ts";
import type { Difference } from "../../compare/difference.ts";
import { type Page, timeTable } from "../../report/page.ts";
import type { Outcome, RunFacts } from "../../report/run/run-report.ts";
import { migrationSentence, migrationTables } from "../migrate/page.ts";
import { fileRestorationPage, restoreFailure } from "../restore-files/page.ts";
import type { Abandoned } from "./abandon-restore.ts";
import type { RestoreResult } from "./result.ts";
import type { RestoredWithFiles } from "./run-restore-with-files.ts";

/** What a restore did, what came out of the comparison, and what is left for a person. */
export function restorationPage(result: RestoreResult): Page {
  const { differences, stages, switchedOff, byHand, room, migrations } = result;
  const of = (verdict: Difference["verdict"]) => differences.filter((difference) => difference.verdict === verdict);
  return {
    title: `Restore of ${result.set}`,
    sentence: [verdictSentence(result), migrations && migrationSentence(migrations)].filter(Boolean).join(" "),
    tables: [
      differenceTable("Differences", of("failed")),
      differenceTable("Unverified", of("unverified")),
      differenceTable("Expected differences", of("expected")),
      {
        title: "Switched off, so that the copy stays quiet",
        header: ["what", "switch it on with"],
        rows: switchedOff.map(({ what, on }) => [what, on]),
      },
      ...(migrations ? migrationTables(migrations) : []),
      timeTable(stages),
    ],
    notes: [...(room === undefined ? [] : [room]), ...byHand.map((task) => `by hand: ${task}`)],
  };
}

/** The word `equal` stands in it only when the outcome is that. */
export function verdictSentence(result: RestoreResult): string {
  const { outcome, set, target, counts, differences, begun } = result;
  const place = `${target.name} (database ${target.database}, ${target.kind} PostgreSQL ${target.serverVersion})`;
  const amount = `${countOf(counts.objects, "object")}, ${countOf(counts.tables, "table")}, ${countOf(counts.rows, "row")}`;
  const resumed = begun === "resumed" ? ", taking up an interrupted restore" : "";
  const count = (verdict: Difference["verdict"]) => differences.filter((one) => one.verdict === verdict).length;
  switch (outcome) {
    case "equal":
      return (
        `Set ${set} is restored into ${place}${resumed} and equal to it: ${amount}, ` +
        `${countOf(counts.foreignKeysChecked, "foreign key")} checked, ${countOf(count("expected"), "expected difference")}.`
      );
    case "differs":
      return `Set ${set} was restored into ${place}${resumed}, and ${countOf(count("failed"), "thing")} DIFFER from the set. Do not put it into service before they are understood.`;
    case "unverified":
      return `Set ${set} was restored into ${place}${resumed}, but ${countOf(count("unverified"), "thing")} could not be verified.`;
    case "dry-run":
      return `Dry run: set ${set} would be restored into ${place}: ${amount}. Nothing was written.`;
  }
}

function differenceTable(title: string, differences: readonly Difference[]) {
  return {
    title,
    header: ["kind", "identity", "aspect", "detail", "why"],
    rows: differences.map(({ kind, identity, aspect, detail, why }) => [kind, identity, aspect, detail, why]),
  };
}

/** What an unfinished restore leaves behind when it is given up. */
export function abandonedPage({ outcome, set, target, objects, tables, switchedOff }: Abandoned): Page {
  const left = `${countOf(objects, "object")} and the rows of ${countOf(tables.length, "table")} that it made`;
  return {
    title: `Restore of ${set}`,
    sentence:
      outcome === "dry-run"
        ? `Dry run: the unfinished restore of set ${set} into ${target} would be given up; ${left} would stay. Nothing was written.`
        : `The unfinished restore of set ${set} into ${target} is given up: its notes are gone, ${left} stay as they are. No restore takes it up any more, and a new one is refused while they are there.`,
    tables: [{ title: "Tables whose rows it brought", header: ["table"], rows: tables.map((table) => [table]) }],
    notes: switchedOff === 0 ? [] : [`${countOf(switchedOff, "cron job")} that it brought may be switched off still`],
  };
}

/** A set and its files, restored in one go. */
export function withFilesPage({ database, files }: RestoredWithFiles): Page {
  const [first, second] = [restorationPage(database), fileRestorationPage(files)];
  return {
    title: first.title,
    sentence: `${first.sentence} ${second.sentence}`,
    tables: [...first.tables, ...second.tables.map((table) => ({ ...table, title: `Files: ${table.title}` }))],
    notes: [...(first.notes ?? []), ...(second.notes ?? [])],
  };
}

export function isGoodWithFiles({ database, files }: RestoredWithFiles): boolean {
  return ["equal", "dry-run"].includes(database.outcome) && ["equal", "sampled", "dry-run"].includes(files.outcome);
}

// What a restore leaves for reports, and for the outputs of actions/restore/action.yml.

export function reportRestore(result: RestoreResult): Outcome {
  const good = result.outcome === "equal" || result.outcome === "dry-run";
  return {
    outputs: { set: result.set, outcome: result.outcome, "files-outcome": "" },
    ...{ page: restorationPage(result), facts: restorationFacts(result) },
    ...(good ? {} : restoreFailure(result.outcome, restorationPage(result).sentence)),
  };
}

export function reportRestoreWithFiles(both: RestoredWithFiles): Outcome {
  const { database, files } = both;
  const page = withFilesPage(both);
  const outcome = ["equal", "dry-run"].includes(database.outcome) ? `files-${files.outcome}` : database.outcome;
  return {
    outputs: { set: database.set, outcome: database.outcome, "files-outcome": files.outcome },
    ...{ page, facts: restorationFacts(database) },
    ...(isGoodWithFiles(both) ? {} : restoreFailure(outcome, page.sentence)),
  };
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
