import { countOf } from "../../base/measures.ts";
import { type Environment, optional } from "../../config/environment.ts";
import { lostFailure } from "../../report/branch/lost-sets.ts";
import { type JudgeTruth, planBranch } from "../../report/branch/plan-branch.ts";
import type { Page } from "../../report/page.ts";
import { cleaner, cleanReport } from "../../report/run/clean-text.ts";
import { readJobResults } from "../../report/run/job-results.ts";
import { loadOperations, namesOf } from "../catalogue.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { findPromiseJudge } from "../policy-check/promise-check.ts";
import { gatherNews, type Publisher, type Sources } from "./gather-news.ts";
import { openGithubHistory } from "./github-history.ts";
import { proposeRunbooks } from "./propose-runbooks.ts";
import { type BranchTarget, jobsBranch, pushReports, reportsBranch } from "./reports-branch.ts";
import { openSource } from "./vault-reports.ts";

export interface PublishOptions
  extends Sources,
    Publisher,
    Pick<BranchTarget, "remote" | "token" | "server" | "signal"> {
  readonly project: string;
  readonly env: Environment;
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
  const { project, run, env } = options;
  const now = options.now ?? new Date();
  const news = await gatherNews(options, now);
  const clean = cleaner(env);
  let lost: readonly string[] = [];
  const pushed = await pushReports(
    async (tree) => {
      const all = [...news.reports, ...(await news.others(tree))].map((report) => cleanReport(report, clean));
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
  const repository = optional(env, "GITHUB_REPOSITORY");
  const api = optional(env, "GITHUB_API_URL") ?? "https://api.github.com";
  const published = await runPublish({
    ...(await jobsBranch({ env, log, signal }, token)),
    ...{ project: config.policy.project.name, run, results },
    names: namesOf(await loadOperations()),
    vault: context.has("vault") ? await openSource(context) : undefined,
    history:
      repository === undefined || token === undefined ? undefined : openGithubHistory({ api, token, repository }),
    promises: await findPromiseJudge(config, log),
  });
  const notes = [...published.notes, ...(await proposeRunbooks(context, { api, token, repository }))];
  const failure = lostFailure(published.lost);
  return {
    result: published,
    outputs: { commit: published.commit ?? "", reports: String(published.told) },
    page: publishedPage({ ...published, notes }),
    ...(failure !== undefined && { failure }),
  };
}
