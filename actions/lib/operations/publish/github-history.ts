import { getOctokit } from "@actions/github";
import { z } from "zod";
import { OperationError } from "../../base/errors.ts";
import type { ActionsHistory, ApiJob, ApiRun } from "../../report/run/reconcile.ts";

const runSchema = z.object({
  id: z.number(),
  run_attempt: z.number().default(1),
  path: z.string(),
  head_branch: z.string().nullable(),
  event: z.string(),
  html_url: z.string().nullable(),
  status: z.string().nullable(),
  conclusion: z.string().nullable(),
  created_at: z.string(),
  run_started_at: z.string().optional(),
  updated_at: z.string(),
});
const runsSchema = z.object({ workflow_runs: z.array(runSchema) });
const jobsSchema = z.object({
  jobs: z.array(
    z.object({
      name: z.string(),
      conclusion: z.string().nullable(),
      started_at: z.string(),
      completed_at: z.string().nullable(),
      steps: z.array(z.object({ name: z.string(), conclusion: z.string().nullable() })).default([]),
    }),
  ),
});
const rulesSchema = z.array(z.object({ type: z.string() }));
const branchSchema = z.object({ protected: z.boolean() });

export interface GithubSettings {
  /** `https://api.github.com` */
  readonly api: string;
  readonly token: string;
  /** `owner/name` */
  readonly repository: string;
}

const answerWithin = 20_000;
/** GitHub lists no more than a thousand runs of one question. */
const perPage = 100;
const mostPages = 10;

/** One request to GitHub's API. */
export interface GithubRequest {
  readonly method?: string;
  /** Below the repository's, e.g. `/environments`. */
  readonly path: string;
  /** It is not below the repository's: `/users/ada`. */
  readonly elsewhere?: boolean;
  readonly body?: object;
}

/** Sends one request about the repository, and reads its answer. @throws what `failed` makes of a refusal, and of an answer of another form */
export function askGithub({ api, token, repository }: GithubSettings) {
  const octokit = getOctokit(token, { baseUrl: api });
  return async <Answer>(
    { method = "GET", path, elsewhere = false, body = {} }: GithubRequest,
    schema: z.ZodType<Answer>,
    failed: (status: number | undefined, cause: unknown) => OperationError,
  ): Promise<Answer> => {
    let data: unknown;
    try {
      const request = { signal: AbortSignal.timeout(answerWithin) };
      const at = elsewhere ? path : `/repos/${repository}${path}`;
      ({ data } = await octokit.request(`${method} ${at}`, { ...body, request }));
    } catch (error) {
      throw failed(statusOf(error), error);
    }
    const parsed = schema.safeParse(data);
    if (parsed.success) return parsed.data;
    throw failed(undefined, undefined);
  };
}

/** Whether GitHub has said that there is no such thing. */
export function isUnknownToGithub(error: unknown): boolean {
  return error instanceof OperationError && statusOf(error.cause) === 404;
}

/**
 * Whether GitHub has said that the repository's plan does not have what was asked for: rules and protection of private repositories
 * with GitHub Free (403, "Upgrade to GitHub Pro or make this repository public to enable this feature."), limits and reviewers of an
 * environment (422, "Failed to create the environment protection rule. Please ensure the billing plan supports …").
 */
export function isBeyondPlan(error: unknown): boolean {
  if (!(error instanceof OperationError && error.cause instanceof Error)) return false;
  const { message } = error.cause;
  return statusOf(error.cause) === 403 ? /^upgrade to github/i.test(message) : /billing plan/i.test(message);
}

/**
 * Runs that were made since then, page by page.
 * @param ask sends the question, by its path
 * @param only further conditions of the query, e.g. `&branch=main`
 * @returns also whether these are all
 */
export async function runsSince<Run>(
  since: Date,
  ask: (path: string) => Promise<{ readonly workflow_runs: readonly Run[]; readonly total_count?: number }>,
  only = "",
): Promise<{ readonly runs: readonly Run[]; readonly complete: boolean }> {
  const runs: Run[] = [];
  const created = encodeURIComponent(`>=${since.toISOString().slice(0, 10)}`);
  for (let page = 1; page <= mostPages; page++) {
    const query = `per_page=${perPage}&page=${page}&exclude_pull_requests=true${only}&created=${created}`;
    const { workflow_runs, total_count = Number.POSITIVE_INFINITY } = await ask(`/actions/runs?${query}`);
    runs.push(...workflow_runs);
    if (workflow_runs.length < perPage || runs.length >= total_count) return { runs, complete: true };
  }
  return { runs, complete: false };
}

/**
 * The Actions API of one repository. Needs `actions: read`; what main's rules are needs nothing more.
 * @throws OperationError `github-unavailable`, which names the question and the status, never the answer
 */
export function openGithubHistory({ api, token, repository }: GithubSettings): ActionsHistory {
  const send = askGithub({ api, token, repository });
  const ask = <Answer>(what: string, path: string, schema: z.ZodType<Answer>): Promise<Answer> =>
    send({ path }, schema, (status, cause) => unavailable(what, status, cause));

  return {
    async runsSince(since) {
      const send = (path: string) => ask("the runs of the last days", path, runsSchema);
      return (await runsSince(since, send, "&branch=main")).runs.map(readRun);
    },
    async attempt({ id }, attempt) {
      try {
        return readRun(await ask("an earlier attempt", `/actions/runs/${id}/attempts/${attempt}`, runSchema));
      } catch (error) {
        if (isUnknownToGithub(error)) return undefined;
        throw error;
      }
    },
    async jobs({ id, attempt }) {
      const { jobs } = await ask(
        "a run's jobs",
        `/actions/runs/${id}/attempts/${attempt}/jobs?per_page=100`,
        jobsSchema,
      );
      return jobs.map(
        ({ name, conclusion, started_at, completed_at, steps }): ApiJob => ({
          name,
          conclusion,
          startedAt: started_at,
          completedAt: completed_at,
          step:
            steps.find((step) => step.conclusion !== null && !/^(success|skipped)$/.test(step.conclusion))?.name ??
            null,
        }),
      );
    },
    async protectsMain() {
      // Rulesets, and the older protection of branches: either will do.
      const rules = await ask("main's rules", "/rules/branches/main", rulesSchema);
      if (rules.some(({ type }) => type === "pull_request" || type === "update")) return true;
      return (await ask("main's protection", "/branches/main", branchSchema)).protected;
    },
  };
}

function readRun(run: z.infer<typeof runSchema>): ApiRun {
  return {
    id: String(run.id),
    attempt: run.run_attempt,
    workflow: /([^/]+)\.ya?ml(@.*)?$/.exec(run.path)?.[1] ?? run.path,
    branch: run.head_branch,
    event: run.event,
    url: run.html_url,
    status: run.status,
    conclusion: run.conclusion,
    createdAt: run.created_at,
    startedAt: run.run_started_at ?? run.created_at,
    updatedAt: run.updated_at,
  };
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "status" in error && typeof error.status === "number" ? error.status : undefined;
}

function unavailable(what: string, status: number | undefined, cause: unknown): OperationError {
  const how = status === undefined ? "did not answer as it should" : `answered with ${status}`;
  const next =
    status === 403 || status === 404
      ? "The job needs `actions: read` and its token as the input token."
      : "A later run asks again.";
  return new OperationError("github-unavailable", `GitHub's API ${how} when it was asked for ${what}.`, next, cause);
}
