import type { Log } from "../../base/log.ts";
import { countOf } from "../../base/measures.ts";
import { type Environment, optional } from "../../config/environment.ts";
import { knownEndings, readRuns } from "../../report/branch/fold-runs.ts";
import { lostFailure } from "../../report/branch/lost-sets.ts";
import { type JudgeTruth, planBranch } from "../../report/branch/plan-branch.ts";
import type { Page } from "../../report/page.ts";
import { cleaner, cleanReport } from "../../report/run/clean-text.ts";
import { type JobResults, readJobResults, reportOfResults } from "../../report/run/job-results.ts";
import { mergeAll } from "../../report/run/merge-reports.ts";
import type { ActionsHistory } from "../../report/run/reconcile.ts";
import type { RunIdentity, RunReport } from "../../report/run/run-report.ts";
import { runKey } from "../../report/run/run-row.ts";
import { loadOperations, type Names, namesOf } from "../catalogue.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { findPromiseJudge } from "../policy-check/promise-check.ts";
import { gatherNews, type Sources, tellOthers } from "./gather-news.ts";
import { openGithubHistory } from "./github-history.ts";
import { type BranchTarget, originOf, pushReports, reportsBranch } from "./reports-branch.ts";
import { openSource } from "./vault-reports.ts";

export interface PublishOptions extends Sources, Pick<BranchTarget, "remote" | "token" | "server" | "signal"> {
  readonly project: string;
  /** The run that publishes, and how its jobs ended. */
  readonly run: RunIdentity;
  readonly results: JobResults;
  readonly env: Environment;
  /** How runs are called, and what workflows do. */
  readonly names: Names;
  readonly log: Log;
  readonly now?: Date;
  readonly promises?: JudgeTruth | undefined;
}

export interface Published {
  readonly commit: string | null;
  readonly told: number;
  readonly attempts: number;
  readonly notes: readonly string[];
  /** Sets that the reports know of and the vault does not have any more. */
  readonly lost: readonly string[];
}

/** Commits the reports of this run, and of all others that were not committed yet, to the branch `reports`. */
export async function runPublish(options: PublishOptions): Promise<Published> {
  const { project, run, results, env, names, log } = options;
  const now = options.now ?? new Date();
  const news = await gatherNews(options, now, log);
  const began = news.runs.get(runKey(run.runId, run.attempt))?.startedAt;
  const own = reportOfResults(run, results, {
    ...{ began: began === undefined ? now : new Date(began), now, ofWorkflow: names.ofWorkflow },
  });
  // A run in which no job began and nobody has spoken has nothing to be told.
  const spoken = Object.values(results).some(({ result }) => result !== "skipped");
  const reports = [...news.reports, ...(spoken ? [own] : [])];
  const others = remembered(options.history, (history, known) =>
    tellOthers(history, [...news.runs.values()], known, run.runId, { log, names }),
  );
  const clean = cleaner(env);
  let lost: readonly string[] = [];
  const pushed = await pushReports(
    async (tree) => {
      const known = knownEndings(readRuns(tree));
      for (const { run: each, conclusion } of mergeAll(reports))
        known.set(runKey(each.runId, each.attempt), conclusion);
      const all = [...reports, ...(await others(known))].map((report) => cleanReport(report, clean));
      const plan = planBranch(tree, {
        project,
        reports: all,
        standing: news.standing,
        notes: news.notes,
        promises: options.promises,
        now,
      });
      lost = plan.lost;
      return plan;
    },
    { ...options, message: `Report on ${run.workflow}, run ${run.runId}, attempt ${run.attempt}` },
  );
  return { ...pushed, notes: news.notes, lost };
}

type Others = (known: ReturnType<typeof knownEndings>) => Promise<RunReport[]>;

/** GitHub is asked once: who was faster with the push has told the same. */
function remembered(
  history: ActionsHistory | undefined,
  ask: (history: ActionsHistory, known: Parameters<Others>[0]) => Promise<RunReport[]>,
): Others {
  let told: Promise<RunReport[]> | undefined;
  return (known) => {
    if (history === undefined) return Promise.resolve([]);
    told ??= ask(history, known);
    return told;
  };
}

/** What the job's summary says. */
export function publishedPage({ commit, told, attempts, notes }: Published): Page {
  const again = attempts === 1 ? "" : `, at the ${attempts}th attempt: others pushed meanwhile`;
  return {
    title: "Reports",
    sentence:
      commit === null
        ? `Everything is on the branch ${reportsBranch} already.`
        : `${countOf(told, "report")} committed to the branch ${reportsBranch} as ${commit.slice(0, 12)}${again}.`,
    tables: [],
    notes: [...notes],
  };
}

/** Publishes with what this job is told: the vault where it knows one, GitHub's list of runs where it has a token. */
export async function publish(
  context: Context,
  { jobs, token }: { readonly jobs: string; readonly token?: string | undefined },
): Promise<Told> {
  const { env, log, signal, run } = context;
  const results = readJobResults(jobs);
  const config = context.config();
  const server = optional(env, "GITHUB_SERVER_URL") ?? "https://github.com";
  const repository = optional(env, "GITHUB_REPOSITORY");
  const api = optional(env, "GITHUB_API_URL") ?? "https://api.github.com";
  const published = await runPublish({
    ...{ project: config.policy.project.name, run, results, env, log, signal, token, server },
    names: namesOf(await loadOperations()),
    vault: context.has("vault") ? await openSource(context) : undefined,
    history:
      repository === undefined || token === undefined ? undefined : openGithubHistory({ api, token, repository }),
    remote: (await originOf(env)) ?? `${server}/${repository}`,
    promises: await findPromiseJudge(config, log),
  });
  const failure = lostFailure(published.lost);
  return {
    result: published,
    outputs: { commit: published.commit ?? "", reports: String(published.told) },
    page: publishedPage(published),
    ...(failure !== undefined && { failure }),
  };
}
