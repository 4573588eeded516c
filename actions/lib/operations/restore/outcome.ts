import type { Outcome } from "../../report/run/outcome.ts";
import type { RunFacts } from "../../report/run/run-report.ts";
import { restoreFailure } from "../restore-files/outcome.ts";
import { isGoodWithFiles, restorationPage, withFilesPage } from "./page.ts";
import type { RestoreResult } from "./result.ts";
import type { RestoredWithFiles } from "./run-restore-with-files.ts";

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
