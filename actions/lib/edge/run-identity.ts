import { type Environment, optional } from "../config/environment.ts";
import type { RunIdentity } from "../report/run/run-report.ts";

/** Of a run that GitHub does not number: when this process began, and its own number. */
const byHand = `local-${new Date(performance.timeOrigin).toISOString().replaceAll(/[-:]|\.\d+/g, "")}-${process.pid}`;

/** Which run this is, by the variables that every job of GitHub Actions has; a name of its own elsewhere. */
export function runIdentity(env: Environment): RunIdentity {
  const runId = optional(env, "GITHUB_RUN_ID");
  const server = optional(env, "GITHUB_SERVER_URL");
  const repository = optional(env, "GITHUB_REPOSITORY");
  const attempt = Number(optional(env, "GITHUB_RUN_ATTEMPT") ?? "1");
  const url = `${server}/${repository}/actions/runs/${runId}`;
  return {
    workflow: optional(env, "GITHUB_WORKFLOW") ?? "by-hand",
    runId: runId !== undefined && /^[\w.-]{1,60}$/.test(runId) ? runId : byHand,
    attempt: Number.isInteger(attempt) && attempt > 0 ? attempt : 1,
    url: runId !== undefined && server !== undefined && repository !== undefined && URL.canParse(url) ? url : null,
    event: optional(env, "GITHUB_EVENT_NAME") ?? "by-hand",
  };
}

/** The job's id in its workflow, and the step's where a job does several works: `backup.weekly`. No id has a dot in it. */
export function jobName(env: Environment): string {
  const job = optional(env, "GITHUB_JOB") ?? "job";
  const step = optional(env, "GITHUB_ACTION");
  // A step without an id gets a number or underscores for a name.
  const named = step !== undefined && step !== job && /^[a-z][\w-]*$/i.test(step);
  return (named ? `${job}.${step}` : job).slice(0, 100);
}
