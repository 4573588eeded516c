import { z } from "zod";
import { ConfigurationError, OperationError } from "../../../base/errors.ts";
import { optional } from "../../../config/environment.ts";
import type { ProtectedEnvironment } from "../../../policy/monitor/repository.ts";
import type { ListedWorkflow } from "../../../policy/monitor/workflows.ts";
import { type WorkflowFacts, workflowFacts } from "../../../policy/read-schedules.ts";
import { readWorkflows } from "../../policy-check/promise-check.ts";
import { askGithub, isBeyondPlan, openGithubHistory, runsSince } from "../../publish/github-history.ts";
import { type Look, once } from "../check.ts";

const time = z.iso.datetime({ offset: true });
const workflowsSchema = z.object({
  workflows: z.array(z.object({ path: z.string(), state: z.string(), created_at: time, updated_at: time })),
});
const runSchema = z.object({
  event: z.string(),
  status: z.string().nullable(),
  conclusion: z.string().nullable(),
  created_at: time,
  run_started_at: time.optional(),
  updated_at: time,
});
const runsSchema = z.object({ total_count: z.number(), workflow_runs: z.array(runSchema) });
export type ToldRun = z.infer<typeof runSchema>;
const environmentsSchema = z.object({
  environments: z.array(
    z.object({
      name: z.string(),
      protection_rules: z.array(z.object({ type: z.string() })).default([]),
      deployment_branch_policy: z
        .object({ protected_branches: z.boolean(), custom_branch_policies: z.boolean() })
        .nullable()
        .default(null),
    }),
  ),
});
const branchPoliciesSchema = z.object({ branch_policies: z.array(z.object({ name: z.string() })) });
const repositorySchema = z.object({ private: z.boolean() });
const subjectSchema = z.object({ use_default: z.boolean(), sub_claim_prefix: z.string().optional() });

export interface SeenWorkflow extends ListedWorkflow {
  /** When GitHub first knew of it, or last changed what it knows: ISO 8601. */
  readonly since: string;
}

/** What the checks ask GitHub, each asked once a run. All of it together is less than forty requests. */
export interface GithubReader {
  /** The workflows of the checkout. */
  files(): readonly WorkflowFacts[];
  workflows(): Promise<readonly SeenWorkflow[]>;
  /** The newest runs of a workflow on main; with `event` those that it started. */
  runsOf(file: string, event?: "schedule"): Promise<readonly ToldRun[]>;
  /** Runs of all branches that were made since then, and whether these are all. */
  runsSince(since: Date): Promise<{ readonly runs: readonly ToldRun[]; readonly complete: boolean }>;
  environments(needed: readonly string[]): Promise<readonly ProtectedEnvironment[]>;
  isPrivate(): Promise<boolean>;
  /** Undefined: the plan has no rules for branches of this repository. */
  protectsMain(): Promise<boolean | undefined>;
  subject(): Promise<{ readonly useDefault: boolean; readonly prefix: string | undefined }>;
}

/** So many runs of a workflow tell how it goes. */
const fewRuns = 20;
/** Environments whose branches are asked for one by one. */
const mostEnvironments = 12;

/**
 * @throws (each) ConfigurationError `configuration` where repository or token are not set; OperationError `github-refused`, whose `next` names
 * the permission, and `github-unavailable`
 */
export function githubReader({ context: { env } }: Look): GithubReader {
  const settings = () => {
    const [repository, token] = [
      optional(env, "GITHUB_REPOSITORY"),
      optional(env, "GITHUB_TOKEN") ?? optional(env, "INPUT_TOKEN"),
    ];
    if (repository !== undefined && token !== undefined)
      return { repository, token, api: optional(env, "GITHUB_API_URL") ?? "https://api.github.com" };
    throw new ConfigurationError(
      "configuration",
      `${repository === undefined ? "GITHUB_REPOSITORY" : "GITHUB_TOKEN"} is not set: GitHub was not asked.`,
      "Set GITHUB_REPOSITORY to owner/name and GITHUB_TOKEN to a token that may read Actions, e.g. `export GITHUB_TOKEN=$(gh auth token)`. On GitHub both are there.",
    );
  };
  const ask = async <Answer>(path: string, schema: z.ZodType<Answer>, permission = "actions: read"): Promise<Answer> =>
    askGithub(settings())({ path }, schema, (status, cause) => refusal(status, cause, permission));
  const isPrivate = once(async () => (await ask("", repositorySchema, "metadata: read")).private);
  const protectsMain = once(async () => {
    try {
      return await openGithubHistory(settings()).protectsMain();
    } catch (error) {
      if (isBeyondPlan(error)) return undefined;
      throw error;
    }
  });
  const runs = new Map<string, Promise<readonly ToldRun[]>>();
  let files: readonly WorkflowFacts[] | undefined;
  return {
    files() {
      files ??= readWorkflows().map(({ path, text }) => workflowFacts(path, text));
      return files;
    },
    workflows: once(async () => {
      const { workflows } = await ask("/actions/workflows?per_page=100", workflowsSchema);
      return workflows.map(({ path, state, created_at, updated_at }) => ({
        file: path.slice(path.lastIndexOf("/") + 1),
        state,
        since: created_at > updated_at ? created_at : updated_at,
      }));
    }),
    runsOf(file, event) {
      const one = event === undefined ? `per_page=${fewRuns}` : `per_page=1&event=${event}`;
      const path = `/actions/workflows/${encodeURIComponent(file)}/runs?branch=main&exclude_pull_requests=true&${one}`;
      const asked = runs.get(path) ?? ask(path, runsSchema).then(({ workflow_runs }) => workflow_runs);
      runs.set(path, asked);
      return asked;
    },
    runsSince: (since) => runsSince(since, (path) => ask(path, runsSchema)),
    async environments(needed) {
      const { environments } = await ask("/environments?per_page=100", environmentsSchema);
      const ours = environments.filter(({ name }) => needed.includes(name)).slice(0, mostEnvironments);
      return Promise.all(
        ours.map(async ({ name, protection_rules, deployment_branch_policy: limit }) => ({
          name,
          mainOnly: limit !== null && (await isMainOnly(name, limit)),
          reviewers: protection_rules.some(({ type }) => type === "required_reviewers"),
        })),
      );
    },
    ...{ isPrivate, protectsMain },
    subject: once(async () => {
      const { use_default, sub_claim_prefix } = await ask("/actions/oidc/customization/sub", subjectSchema);
      return { useDefault: use_default, prefix: sub_claim_prefix };
    }),
  };

  /** Where no branch is protected, `protected branches only` lets every branch pass (docs.github.com, Managing environments). */
  async function isMainOnly(name: string, { protected_branches }: { protected_branches: boolean }): Promise<boolean> {
    if (protected_branches) return (await protectsMain()) === true;
    const path = `/environments/${encodeURIComponent(name)}/deployment-branch-policies?per_page=100`;
    const { branch_policies } = await ask(path, branchPoliciesSchema);
    return branch_policies.every((policy) => policy.name === "main");
  }
}

function refusal(status: number | undefined, cause: unknown, permission: string): OperationError {
  const limited = cause instanceof Error && /rate limit/i.test(cause.message);
  if (!limited && (status === 401 || status === 403 || status === 404))
    return new OperationError(
      "github-refused",
      `GitHub's API answered with ${status}.`,
      `Give the job \`${permission}\`, and its token as GITHUB_TOKEN; at a terminal, a token that may read Actions.`,
      cause,
    );
  const how = status === undefined ? "did not answer as it should" : `answered with ${status}`;
  return new OperationError("github-unavailable", `GitHub's API ${how}.`, "A later run asks again.", cause);
}
