import { type OfWorkflow, standIn } from "./job-results.ts";
import { isBad } from "./merge-reports.ts";
import type { Conclusion, RunReport } from "./run-report.ts";
import { runKey } from "./run-row.ts";

/** One attempt of a run as GitHub's Actions API tells it. */
export interface ApiRun {
  readonly id: string;
  readonly attempt: number;
  /** File name of the workflow without its ending. */
  readonly workflow: string;
  readonly branch: string | null;
  readonly event: string;
  readonly url: string | null;
  /** `completed`, or one of the ways of not being so. */
  readonly status: string | null;
  readonly conclusion: string | null;
  readonly createdAt: string;
  readonly startedAt: string;
  readonly updatedAt: string;
}

export interface ApiJob {
  readonly name: string;
  readonly conclusion: string | null;
  readonly startedAt: string;
  readonly completedAt: string | null;
  /** Name of the first step that did not end well. */
  readonly step: string | null;
}

/** GitHub's words for an ending. What it does not know has no ending: lost. */
export function conclusionOf(told: string | null): Conclusion {
  switch (told) {
    case "success":
    case "neutral":
      return "success";
    case "skipped":
      return "skipped";
    case "failure":
    case "startup_failure":
    case "action_required":
      return "failure";
    case "cancelled":
      return "cancelled";
    case "timed_out":
      return "timed-out";
    default:
      return "lost";
  }
}

/**
 * Runs of reported workflows on main that have ended and of which nothing is known yet, or nothing of what went wrong: jobs that
 * ended well in a run that did not.
 * @param known how each attempt ended by its reports @param current the run that is at work
 */
export function runsToTell(
  runs: readonly ApiRun[],
  known: ReadonlyMap<string, Conclusion>,
  current: string,
  ofWorkflow: OfWorkflow,
): ApiRun[] {
  return runs.filter(({ id, attempt, workflow, branch, status, conclusion }) => {
    if (status !== "completed" || branch !== "main" || id === current || ofWorkflow(workflow) === undefined)
      return false;
    const told = known.get(runKey(id, attempt));
    return told === undefined || (!isBad(told) && isBad(conclusionOf(conclusion)));
  });
}

/** The report of a run that left none, from what GitHub says about it and its jobs. */
export function reportOfApi(run: ApiRun, jobs: readonly ApiJob[], ofWorkflow: OfWorkflow): RunReport {
  const { id, attempt, workflow, event, url, createdAt, startedAt, updatedAt } = run;
  const conclusion = conclusionOf(run.conclusion);
  const times = { startedAt: iso(startedAt), endedAt: iso(updatedAt) };
  const bad = jobs.flatMap((job) => {
    const ended = conclusionOf(job.conclusion);
    if (ended === "success" || ended === "skipped") return [];
    const ofJob = { startedAt: iso(job.startedAt), endedAt: iso(job.completedAt ?? updatedAt) };
    return [
      standIn(ofWorkflow(workflow), job.name, ended, ofJob, job.step === null ? "" : ` at its step "${job.step}"`),
    ];
  });
  const operations =
    bad.length === 0 && isBad(conclusion) ? [standIn(ofWorkflow(workflow), "of no name", conclusion, times)] : bad;
  return {
    format: "lifeboat-run/1",
    run: { workflow, runId: id, attempt, url, event },
    triggeredAt: attempt === 1 ? iso(createdAt) : times.startedAt,
    ...times,
    conclusion: isBad(conclusion) ? conclusion : operations.length > 0 ? "failure" : conclusion,
    operations,
    source: "actions",
  };
}

/** GitHub leaves the milliseconds out. */
function iso(time: string): string {
  return new Date(time).toISOString();
}

/** The same report with the moment at which GitHub was asked, which the job itself can't know. */
export function withTrigger(report: RunReport, runs: ReadonlyMap<string, ApiRun>): RunReport {
  const run = runs.get(runKey(report.run.runId, report.run.attempt));
  if (run === undefined) return report;
  const asked = iso(run.attempt === 1 ? run.createdAt : run.startedAt);
  return Date.parse(asked) < Date.parse(report.triggeredAt) ? { ...report, triggeredAt: asked } : report;
}

/** What is needed of GitHub to know of runs that could not speak for themselves. */
export interface ActionsHistory {
  /** Runs that were asked for since then, each in its newest attempt. */
  runsSince(since: Date): Promise<ApiRun[]>;
  /** An earlier attempt; undefined when GitHub does not know it any more. */
  attempt(run: ApiRun, attempt: number): Promise<ApiRun | undefined>;
  jobs(run: ApiRun): Promise<ApiJob[]>;
  /** Whether changes of main must pass a pull request, or pushes to it are kept from somebody at least. */
  protectsMain(): Promise<boolean>;
}
