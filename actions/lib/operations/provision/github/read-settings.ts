import { z } from "zod";
import { ConfigurationError, OperationError } from "../../../base/errors.ts";
import { type Environment, optional } from "../../../config/environment.ts";
import type { SeenEnvironment, SeenRules } from "../../../policy/repository/drift.ts";
import type { WantedRule } from "../../../policy/repository/wanted.ts";
import { askGithub, type GithubRequest, type GithubSettings, isBeyondPlan } from "../../publish/github-history.ts";

/** Sends a request and reads its answer; every refusal is an OperationError that says what to do. */
export type AskGithub = <Answer>(request: GithubRequest, schema: z.ZodType<Answer>) => Promise<Answer>;

/** @param next what to do when the token may not */
export function githubAsker(settings: GithubSettings, next: string): AskGithub {
  const ask = askGithub(settings);
  return (request, schema) => ask(request, schema, (status, cause) => refusalOf(status, cause, next));
}

/**
 * @param env GITHUB_TOKEN, GITHUB_REPOSITORY and, for GitHub Enterprise Server, GITHUB_API_URL
 * @throws ConfigurationError `configuration`
 */
export function githubSettings(env: Environment, repository = optional(env, "GITHUB_REPOSITORY")): GithubSettings {
  const token = optional(env, "GITHUB_TOKEN") ?? optional(env, "INPUT_TOKEN");
  if (repository !== undefined && token !== undefined)
    return { repository, token, api: optional(env, "GITHUB_API_URL") ?? "https://api.github.com" };
  throw new ConfigurationError(
    "configuration",
    `${repository === undefined ? "GITHUB_REPOSITORY" : "GITHUB_TOKEN"} is not set: GitHub was not asked.`,
    "Set GITHUB_REPOSITORY to owner/name and GITHUB_TOKEN to a token that may read Actions, e.g. `export GITHUB_TOKEN=$(gh auth token)`. On GitHub both are there.",
  );
}

function refusalOf(status: number | undefined, cause: unknown, next: string): OperationError {
  const message = cause instanceof Error ? cause.message : "";
  if (/billing plan|^upgrade to github/i.test(message))
    return new OperationError("github-plan", "GitHub's plan does not have it for this repository.", undefined, cause);
  if (!/rate limit/i.test(message) && (status === 401 || status === 403 || status === 404))
    return new OperationError("github-refused", `GitHub's API answered with ${status}.`, next, cause);
  const how = status === undefined ? "did not answer as it should" : `answered with ${status}`;
  return new OperationError("github-unavailable", `GitHub's API ${how}.`, "A later run asks again.", cause);
}

/** So many of a list are asked for at once; of variables GitHub gives thirty at most. */
const perPage = 30;

/** All of a list, page by page. */
export async function listAll<One>(
  ask: AskGithub,
  path: string,
  key: string,
  schema: z.ZodType<One>,
): Promise<readonly One[]> {
  const answer = z.object({ total_count: z.number(), [key]: z.array(schema) });
  const all: One[] = [];
  for (let page = 1; ; page++) {
    const answered = await ask({ path: `${path}?per_page=${perPage}&page=${page}` }, answer);
    const listed = z.array(schema).parse(answered[key]);
    all.push(...listed);
    if (listed.length < perPage) return all;
  }
}

const reviewerSchema = z.object({
  type: z.enum(["User", "Team"]),
  reviewer: z.object({ id: z.number(), login: z.string().optional(), slug: z.string().optional() }),
});
const environmentSchema = z.object({
  name: z.string(),
  protection_rules: z
    .array(
      z.object({
        type: z.string(),
        wait_timer: z.number().optional(),
        prevent_self_review: z.boolean().optional(),
        reviewers: z.array(reviewerSchema).default([]),
      }),
    )
    .default([]),
  deployment_branch_policy: z
    .object({ protected_branches: z.boolean(), custom_branch_policies: z.boolean() })
    .nullable()
    .default(null),
});
const branchPolicySchema = z.object({ name: z.string(), type: z.enum(["branch", "tag"]).default("branch") });

/** A user or team, as GitHub names it in a request. */
export interface Reviewer {
  readonly type: "User" | "Team";
  readonly id: number;
  readonly name: string;
}

/** With what a change must not take away: GitHub replaces all of an environment's rules at once. */
export interface KeptEnvironment extends SeenEnvironment {
  readonly reviewedBy: readonly Reviewer[];
  readonly waitMinutes: number;
  readonly preventSelfReview: boolean;
}

/** The environments of the repository, without what lies in them. @param names only these, e.g. those of the workflows */
export async function readEnvironments(ask: AskGithub, names: readonly string[]): Promise<KeptEnvironment[]> {
  const there = await listAll(ask, "/environments", "environments", environmentSchema);
  return Promise.all(
    there
      .filter(({ name }) => names.includes(name))
      .map(async ({ name, protection_rules: rules, deployment_branch_policy: limit }) => {
        const reviewedBy = rules.flatMap(({ reviewers }) =>
          reviewers.map(({ type, reviewer: { id, login, slug } }) => ({ type, id, name: login ?? slug ?? String(id) })),
        );
        return {
          ...{ name, reviewedBy, reviewers: reviewedBy.map((one) => one.name) },
          branches: limit === null ? "all" : limit.protected_branches ? "protected" : await branchesOf(ask, name),
          waitMinutes: rules.find(({ wait_timer }) => wait_timer !== undefined)?.wait_timer ?? 0,
          preventSelfReview: rules.some(({ prevent_self_review }) => prevent_self_review === true),
        } as const;
      }),
  );
}

async function branchesOf(ask: AskGithub, name: string): Promise<string[]> {
  const path = `/environments/${encodeURIComponent(name)}/deployment-branch-policies`;
  const policies = await listAll(ask, path, "branch_policies", branchPolicySchema);
  return policies.map((policy) => (policy.type === "tag" ? `tag ${policy.name}` : policy.name));
}

const ruleSchema = z.object({ type: z.string(), parameters: z.record(z.string(), z.unknown()).optional() });

/** The rules that GitHub applies to a branch, whoever made them; undefined: the plan has none for this repository. */
export async function readRules(ask: AskGithub, branch: string): Promise<readonly WantedRule[] | undefined> {
  try {
    const rules = await ask({ path: `/rules/branches/${branch}?per_page=100` }, z.array(ruleSchema));
    return rules.map(({ type, parameters }) => ({ type, ...(parameters && { parameters }) }));
  } catch (error) {
    if (isBeyondPlan(error)) return undefined;
    throw error;
  }
}

const branchSchema = z.object({
  protected: z.boolean(),
  protection: z.object({ enabled: z.boolean() }).optional(),
});

/** A branch is called protected for any rule as well, one against its removal, say: `protection` is about the older kind alone. */
async function hasOlderProtection(ask: AskGithub): Promise<boolean> {
  const { protected: said, protection } = await ask({ path: "/branches/main" }, branchSchema);
  return protection?.enabled ?? said;
}

export async function readBranchRules(ask: AskGithub): Promise<SeenRules> {
  const main = await readRules(ask, "main");
  if (main === undefined) return { main, reports: [], protectedOtherwise: false };
  const reports = (await readRules(ask, "reports")) ?? [];
  const ruled = main.some(({ type }) => type === "pull_request" || type === "update");
  const older = ruled ? false : await hasOlderProtection(ask);
  return { main, reports, protectedOtherwise: older };
}

const rulesetSchema = z.object({
  ...{ id: z.number(), name: z.string(), enforcement: z.string() },
  bypass_actors: z.array(z.looseObject({ actor_type: z.string() })).optional(),
  conditions: z.unknown().optional(),
  rules: z.array(ruleSchema).default([]),
});
export type SeenRuleset = z.infer<typeof rulesetSchema>;

/** The repository's own rulesets of these names, with what is in them. */
export async function readRulesets(ask: AskGithub, names: readonly string[]): Promise<SeenRuleset[]> {
  const listed = await ask(
    { path: "/rulesets?includes_parents=false&per_page=100" },
    z.array(rulesetSchema.pick({ id: true, name: true })),
  );
  const ours = listed.filter(({ name }) => names.includes(name));
  return Promise.all(ours.map(({ id }) => ask({ path: `/rulesets/${id}` }, rulesetSchema)));
}

const secretSchema = z.object({ name: z.string() });
const variableSchema = z.object({ name: z.string(), value: z.string() });

/** @param at of an environment, or empty: of the repository */
export async function readVariables(ask: AskGithub, at: string): Promise<Readonly<Record<string, string>>> {
  const path = at === "" ? "/actions/variables" : `${at}/variables`;
  return Object.fromEntries(
    (await listAll(ask, path, "variables", variableSchema)).map(({ name, value }) => [name, value]),
  );
}

/** Names alone: GitHub never gives a secret back. @param at of an environment */
export async function readSecretNames(ask: AskGithub, at: string): Promise<readonly string[]> {
  return (await listAll(ask, `${at}/secrets`, "secrets", secretSchema)).map(({ name }) => name);
}

const repositorySchema = z.object({
  ...{ full_name: z.string(), private: z.boolean(), default_branch: z.string() },
  permissions: z.object({ admin: z.boolean() }).optional(),
});

/** The repository itself, by the name that it has now: GitHub leads the old name of a renamed one to it. */
export function readRepository(ask: AskGithub): Promise<z.infer<typeof repositorySchema>> {
  return ask({ path: "" }, repositorySchema);
}

const subjectSchema = z.object({
  use_default: z.boolean(),
  include_claim_keys: z.array(z.string()).optional(),
  sub_claim_prefix: z.string().optional(),
});

/** What the subjects of its tokens look like. */
export function readSubject(ask: AskGithub): Promise<z.infer<typeof subjectSchema>> {
  return ask({ path: "/actions/oidc/customization/sub" }, subjectSchema);
}

/** Lines of CODEOWNERS on main that GitHub ignores, e.g. because it does not know the team. */
export async function readCodeownersErrors(ask: AskGithub): Promise<readonly number[]> {
  const { errors } = await ask(
    { path: "/codeowners/errors?ref=main" },
    z.object({ errors: z.array(z.object({ line: z.number() })) }),
  );
  return [...new Set(errors.map(({ line }) => line))];
}
