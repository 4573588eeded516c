import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { knownEndings, readRuns, type Tree } from "../../report/branch/fold-runs.ts";
import type { Standing } from "../../report/branch/standing.ts";
import { type JobResults, reportOfResults } from "../../report/run/job-results.ts";
import { mergeAll } from "../../report/run/merge-reports.ts";
import { type ActionsHistory, type ApiRun, reportOfApi, runsToTell, withTrigger } from "../../report/run/reconcile.ts";
import type { Conclusion, RunIdentity, RunReport } from "../../report/run/run-report.ts";
import { runKey } from "../../report/run/run-row.ts";
import type { Names } from "../catalogue.ts";
import type { VaultReports } from "./vault-reports.ts";

/** Days that are looked back over: a week in which nothing could be published is made up for. */
export const daysBack = 14;
/** Of what lies there and is no report so much is named. */
const mostTold = 20;
/** Runs that left no report and whose jobs are asked for in one go. */
const mostJobs = 40;

/** What is said when neither a ruleset nor the older protection keeps anybody from main. */
export const unguarded =
  "Nothing protects main: whoever can push to it can change what the backups do. Settings, Rules, Rulesets: ask for pull requests.";

export interface Sources {
  /** What the jobs left in the vault, and what it has; undefined where the job is not told where it is. */
  readonly vault: { reports(since: Date): Promise<VaultReports>; standing(): Promise<Standing> } | undefined;
  /** Undefined without a token. */
  readonly history: ActionsHistory | undefined;
}

/** The run that publishes, and how its jobs ended. */
export interface Publisher {
  readonly run: RunIdentity;
  readonly results: JobResults;
  /** How runs are called, and what workflows do. */
  readonly names: Names;
  readonly log: Log;
}

interface Gathered {
  readonly reports: readonly RunReport[];
  /** Reports of runs that left none here or on the branch. GitHub is asked once: who was faster with the push has told the same. */
  others(tree: Tree): Promise<readonly RunReport[]>;
  readonly standing: Standing | undefined;
  readonly notes: readonly string[];
}

/**
 * Everything there is to tell: the jobs' own reports and the state of the vault, and GitHub's list of runs. A source that can't
 * be asked is named and does not keep the others from being told.
 */
export async function gatherNews(
  { vault, history, run, results, names, log }: Sources & Publisher,
  now: Date,
): Promise<Gathered> {
  const since = new Date(now.getTime() - daysBack * 86_400_000);
  const notes: string[] = [];
  const attempt = async <Found>(what: string, work: () => Promise<Found>): Promise<Found | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      log.warn(`${what}: ${error.message}`);
      notes.push(what);
      return undefined;
    }
  };
  if (vault === undefined) {
    notes.push(
      "Where the vault is was not told to the job that publishes: S3_BACKUP_BUCKET is not set in its environment.",
    );
    log.warn(notes[0] ?? "");
  }
  const left =
    vault && (await attempt("The reports of the jobs could not be read from the vault.", () => vault.reports(since)));
  for (const key of left?.refused.slice(0, mostTold) ?? [])
    log.warn(`${key} is not in the form of a report, and is passed over.`);
  const standing = vault && (await attempt("The vault could not be asked for its sets.", () => vault.standing()));
  const runs = history && (await attempt("GitHub could not be asked for its runs.", () => history.runsSince(since)));
  const guarded =
    history && (await attempt("GitHub could not be asked whether main is protected.", () => history.protectsMain()));
  if (guarded === false) {
    log.warn(unguarded);
    notes.push(unguarded);
  }
  const byKey = new Map((runs ?? []).map((run) => [runKey(run.id, run.attempt), run]));
  const began = byKey.get(runKey(run.runId, run.attempt))?.startedAt;
  const own = reportOfResults(run, results, {
    ...{ began: began === undefined ? now : new Date(began), now, ofWorkflow: names.ofWorkflow },
  });
  // A run in which no job began and nobody has spoken has nothing to be told.
  const spoken = Object.values(results).some(({ result }) => result !== "skipped");
  const reports = [...(left?.reports ?? []).map((report) => withTrigger(report, byKey)), ...(spoken ? [own] : [])];
  let told: Promise<readonly RunReport[]> | undefined;
  const others = (tree: Tree): Promise<readonly RunReport[]> => {
    const known = knownEndings(readRuns(tree));
    for (const { run: each, conclusion } of mergeAll(reports)) known.set(runKey(each.runId, each.attempt), conclusion);
    told ??=
      history === undefined ? Promise.resolve([]) : tellOthers(history, runs ?? [], known, run.runId, { log, names });
    return told;
  };
  return { reports, others, standing, notes };
}

/**
 * Reports of the runs that left none, by what GitHub knows. Earlier attempts of a run that was started again are runs of their own.
 * @param known how each attempt ended by its reports @param current the run that is at work
 */
async function tellOthers(
  history: ActionsHistory,
  runs: readonly ApiRun[],
  known: ReadonlyMap<string, Conclusion>,
  current: string,
  { log, names }: { readonly log: Log; readonly names: Names },
): Promise<RunReport[]> {
  try {
    const all = [...runs, ...(await earlierAttempts(history, runs, known))];
    const missing = runsToTell(all, known, current, names.ofWorkflow);
    const told: RunReport[] = [];
    for (const [index, run] of missing.entries()) {
      const well = run.conclusion === "success" || run.conclusion === "skipped";
      told.push(reportOfApi(run, well || index >= mostJobs ? [] : await history.jobs(run), names.ofWorkflow));
    }
    return told;
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`Runs that left no report are told another time: ${error.message}`);
    return [];
  }
}

async function earlierAttempts(
  history: ActionsHistory,
  runs: readonly ApiRun[],
  known: ReadonlyMap<string, Conclusion>,
): Promise<ApiRun[]> {
  const found: ApiRun[] = [];
  for (const run of runs) {
    for (let attempt = 1; attempt < run.attempt; attempt++) {
      if (known.has(runKey(run.id, attempt))) continue;
      const earlier = await history.attempt(run, attempt);
      if (earlier !== undefined) found.push(earlier);
    }
  }
  return found;
}
