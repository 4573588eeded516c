import type { PromiseCheck, VaultTruth } from "../../policy/promises.ts";
import { mergeAll } from "../run/merge-reports.ts";
import type { RunReport } from "../run/run-report.ts";
import { allRows, dashboardPath, foldRuns, indexPath, readRuns, type Tree } from "./fold-runs.ts";
import { histories, historyChart } from "./history-chart.ts";
import { renderIndex } from "./index-page.ts";
import { lostFailure, lostSets } from "./lost-sets.ts";
import { type Standing, standingOfRows, truthOf } from "./standing.ts";

/** `checkPromises` of operations/policy-check/promise-check, with policy and schedules read. */
export type JudgeTruth = (truth: VaultTruth, now: Date) => PromiseCheck;

export interface BranchNews {
  readonly project: string;
  /** Of jobs and of GitHub, in any order; those that are known already change nothing. */
  readonly reports: readonly RunReport[];
  /** Undefined when the vault could not be asked. */
  readonly standing: Standing | undefined;
  readonly notes: readonly string[];
  /** Compares the promises of the policy with what the page knows; left out where there is no policy to read. */
  readonly promises?: JudgeTruth | undefined;
  readonly now: Date;
}

export interface BranchPlan {
  /** Text to write or null to remove, by path; nothing that is so already. */
  readonly changes: ReadonlyMap<string, string | null>;
  /** Runs that were not known or not known so well. */
  readonly told: number;
  /** Files that are none of ours, or damaged; they are left alone. */
  readonly foreign: readonly string[];
  /** Sets that the reports know of and the vault does not have any more. */
  readonly lost: readonly string[];
}

/** What becomes of the branch when it learns the news: the runs' files, folded where they are old, and the pages made anew from them. */
export function planBranch(tree: Tree, { project, reports, standing, notes, promises, now }: BranchNews): BranchPlan {
  const { runs, changes } = foldRuns(readRuns(tree), mergeAll(reports), now);
  const rows = allRows(runs);
  const drawn = histories(rows);
  const pages = new Map<string, string | null>(changes);
  const facts = together(standing, standingOfRows(rows));
  const lost = lostSets(rows, standing, now);
  const alarm = lostFailure(lost)?.message;
  pages.set(
    indexPath,
    renderIndex({
      project,
      standing: facts,
      rows,
      histories: drawn,
      now,
      notes: alarm === undefined ? notes : [alarm, ...notes],
      promises: promises?.(truthOf(facts), now),
      dashboard: tree.paths.includes(dashboardPath),
    }),
  );
  for (const history of drawn) pages.set(`charts/${history.file}.svg`, historyChart(history));
  const there = new Set(tree.paths);
  const changed = [...pages].filter(([path, text]) =>
    text === null ? there.has(path) : !there.has(path) || tree.read(path) !== text,
  );
  const told = [...changes].filter(([path, text]) => text !== null && /\.(json|ndjson)$/.test(path)).length;
  return { changes: new Map(changed), told, foreign: runs.foreign, lost };
}

/** The vault knows its sets and proofs, and its files where it was asked for them; what else was measured stands in the reports. */
function together(vault: Standing | undefined, reports: Standing): Standing {
  if (vault === undefined) return reports;
  const restores = [...vault.restores, ...reports.restores].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  return { ...vault, restores, files: vault.files === undefined ? reports.files : vault.files };
}
