import { optional } from "../../../config/environment.ts";
import { judgeRuns, type RunEnd } from "../../../policy/monitor/reports.ts";
import {
  judgeEnvironments,
  judgeMain,
  judgeMinutes,
  judgeSubject,
  type SubjectFacts,
} from "../../../policy/monitor/repository.ts";
import { judgeSchedules, judgeSwitchedOn, type ScheduledWorkflow } from "../../../policy/monitor/workflows.ts";
import type { WorkflowFacts } from "../../../policy/read-schedules.ts";
import { environmentDrift, guardsMain, limitsOf, rulesDrift } from "../../../policy/repository/drift.ts";
import { wantedRepository } from "../../../policy/repository/wanted.ts";
import { isBad } from "../../../report/run/merge-reports.ts";
import { conclusionOf } from "../../../report/run/reconcile.ts";
import { readWorkflows } from "../../policy-check/promise-check.ts";
import { readOwners } from "../../provision/github/owners.ts";
import type { Check, Look } from "../check.ts";
import { type GithubReader, githubReader, type ToldRun } from "./read-github.ts";

/**
 * What GitHub is asked about the repository that runs Lifeboat. Left out where the policy states schedules of its own and no repository is set:
 * then something else than GitHub runs the backups.
 */
export function githubChecks(look: Look): readonly Check[] {
  const { context, now } = look;
  const { policy } = context.config();
  const elsewhere = policy.promises.schedules !== null && optional(context.env, "GITHUB_REPOSITORY") === undefined;
  if (elsewhere) return [];
  const github = githubReader(look);
  const checks: Omit<Check, "group" | "runbook">[] = [
    {
      ...{ id: "schedules", title: "Schedules of the workflows" },
      look: async () => judgeSchedules(await scheduled(github), policy.promises.lateMinutes, now),
    },
    {
      ...{ id: "workflows-disabled", title: "Workflows switched on" },
      look: async () => judgeSwitchedOn(github.files(), await github.workflows()),
    },
    {
      ...{ id: "last-runs", title: "Last runs of the workflows" },
      async look() {
        const ends = await Promise.all(
          withSchedule(github).map(async ({ file }) => endsOf(file, await github.runsOf(file))),
        );
        return judgeRuns(ends.flat(), "run");
      },
    },
    {
      ...{ id: "environments", title: "Environments that hold the keys" },
      async look() {
        const wanted = wantedRepository(readWorkflows()).environments;
        const [there, isPrivate, rules] = await Promise.all([
          github.environments(wanted.map(({ name }) => name)),
          github.isPrivate(),
          github.rules(),
        ]);
        const limits = limitsOf(isPrivate, rules);
        const drifts = wanted.flatMap((one) => {
          const seen = there.find(({ name }) => name === one.name);
          return environmentDrift(one, seen, limits, guardsMain(rules));
        });
        return judgeEnvironments(drifts, there.length, limits);
      },
    },
    {
      ...{ id: "main-rules", title: "Rules of main" },
      async look() {
        const [isPrivate, rules] = await Promise.all([github.isPrivate(), github.rules()]);
        return judgeMain(rulesDrift(rules, readOwners().canReview), limitsOf(isPrivate, rules));
      },
    },
    {
      ...{ id: "oidc-subject", title: "Subject that AWS trusts" },
      look: async () => judgeSubject({ ...(await github.subject()), access: await accessOf(look) }),
    },
    {
      ...{ id: "actions-minutes", title: "Minutes of GitHub Actions" },
      look: async () => lookAtMinutes(look, github),
    },
  ];
  return checks.map((check) => ({ ...check, group: "github", runbook: "runbooks/github-settings.md" }));
}

function withSchedule(github: GithubReader): WorkflowFacts[] {
  return github.files().filter(({ crons }) => crons.length > 0);
}

async function scheduled(github: GithubReader): Promise<ScheduledWorkflow[]> {
  const listed = new Map((await github.workflows()).map((one) => [one.file, one]));
  return Promise.all(
    withSchedule(github).map(async ({ file, crons, zoned }) => {
      const since = listed.get(file)?.since;
      // What GitHub does not know it never started.
      const runs = since === undefined ? [] : await startedBySchedule(github, file);
      return { file, crons, zoned, since: since ?? new Date(0).toISOString(), lastAt: runs[0]?.created_at };
    }),
  );
}

async function startedBySchedule(github: GithubReader, file: string): Promise<readonly ToldRun[]> {
  const newest = (await github.runsOf(file)).filter(({ event }) => event === "schedule");
  return newest.length > 0 ? newest : await github.runsOf(file, "schedule");
}

function endsOf(file: string, runs: readonly ToldRun[]): RunEnd[] {
  const work = file.replace(/\.ya?ml$/, "");
  return runs
    .filter(({ status }) => status === "completed")
    .map(({ event, conclusion, updated_at: at }) => {
      const end = conclusionOf(conclusion);
      // A run that waits for its turn is cancelled by the next one that does: another did its work.
      const ended = end === "skipped" || end === "cancelled" ? "without work" : isBad(end) ? "badly" : "well";
      return { work, key: work, at, ended, scheduled: event === "schedule" };
    });
}

/** @throws LifeboatError when the run has a role and the vault cannot be asked: then nothing is shown by it */
async function accessOf({ context }: Look): Promise<SubjectFacts["access"]> {
  const { env } = context;
  const [key, session] = [optional(env, "AWS_ACCESS_KEY_ID"), optional(env, "AWS_SESSION_TOKEN")];
  if (optional(env, "GITHUB_ACTIONS") === undefined) return "person";
  if (session === undefined) return key === undefined ? "none" : "stored keys";
  if (context.has("vault")) await (await context.vault()).serverTime();
  return "role";
}

async function lookAtMinutes({ context, now }: Look, github: GithubReader): ReturnType<Check["look"]> {
  if (!(await github.isPrivate()))
    return { state: "ok", found: "The repository is public: GitHub's own runners cost it nothing." };
  if (optional(context.env, "RUNNER_ENVIRONMENT") === "self-hosted")
    return {
      state: "ok",
      found: "Jobs run on your own machines (LIFEBOAT_RUNNER), which use no minutes of the plan.",
    };
  const { runs, complete } = await github.runsSince(new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth())));
  const used = runs.reduce((sum, run) => sum + minutesOf(run), 0);
  return judgeMinutes({ used, complete, limit: context.config().policy.monitor.actionsMinutes, now });
}

/** No job runs longer. What waits for its reviewers takes no minutes, and is not told apart. */
const longestMinutes = 360;

/** Whole minutes, as GitHub counts them, of a run with one job; more jobs side by side take more, which only a question for each would tell. */
function minutesOf({ status, run_started_at, created_at, updated_at }: ToldRun): number {
  if (status !== "completed") return 0;
  const minutes = (Date.parse(updated_at) - Date.parse(run_started_at ?? created_at)) / 60_000;
  return Math.min(longestMinutes, Math.max(1, Math.ceil(minutes)));
}
