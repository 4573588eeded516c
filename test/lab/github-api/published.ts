import type { components, operations } from "@octokit/openapi-types";
import sodium from "libsodium-wrappers";
import { z } from "zod";
import type { GithubWorld, LabEnvironment, LabRuleset } from "./world.ts";

/** Forms of questions and answers, as GitHub's published description has them (github/rest-api-description, by @octokit/openapi-types). */

type Schemas = components["schemas"];
type Body<Name extends keyof operations> = operations[Name] extends {
  requestBody?: { content: { "application/json": infer Given } };
}
  ? NonNullable<Given>
  : never;

export type Rule = Schemas["repository-rule"];
const date = "2026-11-30T12:00:00Z";

/** Compiles only while what we take is what the description says may be sent. */
const taken = <Sent>(schema: z.ZodType<Sent>): z.ZodType<Sent> => schema;

export const environmentBody = taken<Body<"repos/create-or-update-environment">>(
  z.strictObject({
    wait_timer: z.number().int().min(0).max(43_200).optional(),
    prevent_self_review: z.boolean().optional(),
    reviewers: z
      .array(z.strictObject({ type: z.enum(["User", "Team"]), id: z.number() }))
      .max(6)
      .nullish(),
    deployment_branch_policy: z
      .strictObject({ protected_branches: z.boolean(), custom_branch_policies: z.boolean() })
      .refine((policy) => policy.protected_branches !== policy.custom_branch_policies)
      .nullish(),
  }) as z.ZodType<Body<"repos/create-or-update-environment">>,
);
export const branchPolicyBody = z.strictObject({
  name: z.string().min(1),
  type: z.enum(["branch", "tag"]).default("branch"),
});
export const secretBody = taken<Body<"actions/create-or-update-environment-secret">>(
  z.strictObject({ encrypted_value: z.base64(), key_id: z.string() }),
);
export const variableBody = taken<Body<"actions/create-environment-variable">>(
  z.strictObject({ name: z.string().regex(/^(?!GITHUB_)[A-Z_][A-Z0-9_]*$/i), value: z.string().max(48 * 1024) }),
);
export const rulesetBody = z.strictObject({
  name: z.string().min(1),
  target: z.enum(["branch", "tag", "push"]).default("branch"),
  enforcement: z.enum(["active", "disabled", "evaluate"]),
  bypass_actors: z
    .array(
      z.strictObject({
        actor_id: z.number(),
        actor_type: z.literal("RepositoryRole"),
        bypass_mode: z.literal("always"),
      }),
    )
    .optional(),
  conditions: z.strictObject({
    ref_name: z.strictObject({ include: z.array(z.string()).min(1), exclude: z.array(z.string()) }),
  }),
  rules: z.array(
    z.discriminatedUnion("type", [
      z.strictObject({ type: z.enum(["deletion", "non_fast_forward", "creation", "required_linear_history"]) }),
      z.strictObject({
        type: z.literal("pull_request"),
        parameters: z.strictObject({
          required_approving_review_count: z.number().int().min(0).max(10),
          require_code_owner_review: z.boolean(),
          dismiss_stale_reviews_on_push: z.boolean(),
          require_last_push_approval: z.boolean(),
          required_review_thread_resolution: z.boolean(),
        }),
      }),
      z.strictObject({
        type: z.literal("required_status_checks"),
        parameters: z.strictObject({
          required_status_checks: z.array(z.strictObject({ context: z.string() })).min(1),
          strict_required_status_checks_policy: z.boolean(),
        }),
      }),
    ]),
  ),
});

export function toldRepository(
  world: GithubWorld,
  admin: boolean,
): Pick<Schemas["full-repository"], "id" | "name" | "full_name" | "private" | "default_branch" | "permissions"> {
  const { name, owner, isPrivate } = world;
  return {
    ...{ id: world.ids.repository, name, full_name: `${owner}/${name}`, private: isPrivate, default_branch: "main" },
    permissions: { admin, push: true, pull: true },
  };
}

export function toldEnvironment(world: GithubWorld, name: string, it: LabEnvironment): Schemas["environment"] {
  const rule = (type: string) => ({ id: it.id, node_id: `rule-${type}`, type });
  const asked = it.reviewers.map(({ type, id }) => ({ type, reviewer: toldReviewer(world, type, id) }));
  return {
    ...{ id: it.id, node_id: `environment-${it.id}`, name, created_at: date, updated_at: date },
    ...{ url: `https://api.example/environments/${name}`, html_url: `https://example/environments/${name}` },
    protection_rules: [
      ...(it.waitTimer > 0 ? [{ ...rule("wait_timer"), wait_timer: it.waitTimer }] : []),
      ...(asked.length > 0
        ? [{ ...rule("required_reviewers"), prevent_self_review: it.preventSelfReview, reviewers: asked }]
        : []),
      ...(it.limit === null ? [] : [rule("branch_policy")]),
    ],
    deployment_branch_policy: it.limit,
  };
}

/** Of a user or a team only what tells who it is. */
function toldReviewer(world: GithubWorld, type: "User" | "Team", id: number): Schemas["simple-user"] | Schemas["team"] {
  const known = type === "User" ? world.users : world.teams;
  const name = [...known].find(([, one]) => one === id)?.[0] ?? "ghost";
  const told: Partial<Schemas["simple-user"]> | Partial<Schemas["team"]> =
    type === "User" ? { id, login: name, type } : { id, slug: name, name };
  return told as Schemas["simple-user"] | Schemas["team"];
}

export const toldPolicies = ({ policies }: LabEnvironment): Schemas["deployment-branch-policy"][] =>
  policies.map((policy) => ({ ...policy, node_id: `policy-${policy.id}` }));
export const toldSecrets = ({ secrets }: LabEnvironment): Schemas["actions-secret"][] =>
  [...secrets.keys()].sort().map((name) => ({ name, created_at: date, updated_at: date }));
export const toldVariables = (variables: ReadonlyMap<string, string>): Schemas["actions-variable"][] =>
  [...variables].sort().map(([name, value]) => ({ name, value, created_at: date, updated_at: date }));
export const toldKey = ({ keys }: GithubWorld): Schemas["actions-public-key"] => ({
  key_id: keys.id,
  key: sodium.to_base64(keys.publicKey, sodium.base64_variants.ORIGINAL),
});

export function toldRuleset(world: GithubWorld, it: LabRuleset, whole: boolean): Schemas["repository-ruleset"] {
  const { id, name, enforcement, include, rules, bypass } = it;
  return {
    ...{ id, name, target: "branch", source_type: "Repository", source: `${world.owner}/${world.name}`, enforcement },
    ...(whole && {
      ...{ rules: [...rules], bypass_actors: [...bypass] },
      conditions: { ref_name: { include: [...include], exclude: [] } },
      current_user_can_bypass: bypass.length > 0 ? "always" : "never",
    }),
  };
}

/** The rules that hold for a branch, those that are switched off left out. */
export function rulesOf(world: GithubWorld, branch: string): Schemas["repository-rule-detailed"][] {
  const active = world.rulesets.filter(
    ({ enforcement, include }) => enforcement === "active" && include.includes(`refs/heads/${branch}`),
  );
  return active.flatMap(({ id, rules }) =>
    rules.map((rule) => ({
      ...rule,
      ...{ ruleset_id: id, ruleset_source_type: "Repository" as const, ruleset_source: `${world.owner}/${world.name}` },
    })),
  );
}

export function toldSubject({ owner, name, ids, subject }: GithubWorld): Schemas["oidc-custom-sub-repo"] {
  const { immutable, ...said } = subject;
  const prefix = immutable ? `repo:${owner}@${ids.owner}/${name}@${ids.repository}` : `repo:${owner}/${name}`;
  return { ...said, use_immutable_subject: immutable, sub_claim_prefix: prefix };
}

export const toldOwnerErrors = ({ unownedLines }: GithubWorld): Schemas["codeowners-errors"] => ({
  errors: unownedLines.map((line) => ({
    ...{ line, column: 1, source: "", kind: "Unknown owner", message: "Unknown owner", path: ".github/CODEOWNERS" },
  })),
});

export const toldBranch = (
  { protectedOtherwise }: GithubWorld,
  isProtected: boolean,
): Pick<Schemas["branch-with-protection"], "name" | "protected" | "protection"> => ({
  ...{ name: "main", protected: isProtected, protection: { enabled: protectedOtherwise } },
});
