import { afterAll, beforeAll, expect, test } from "vitest";
import { checkGithub } from "../../actions/lib/operations/provision/github/check-github.ts";
import { openRepository } from "../../actions/lib/operations/provision/github/repository.ts";
import { provisionGithub } from "../../actions/lib/operations/provision/github/run-github.ts";
import { type GithubApi, type GithubWorld, startGithubApi } from "../lab/github-api/index.ts";
import type { Rule } from "../lab/github-api/published.ts";
import { openProvisionLab, type ProvisionLab, personal, roles } from "./provision-github-lab.ts";

/** Each setting of GitHub's changed alone, and what `provision check` says of it. */

let lab: ProvisionLab;
let api: GithubApi;
beforeAll(async () => {
  lab = await openProvisionLab();
  api = await startGithubApi("qimma/backups");
  // Of a private one GitHub does not tell whether its plan has reviewers.
  api.world.isPrivate = false;
  const request = { repository: "qimma/backups", keys: lab.keys, dryRun: false };
  const told = await provisionGithub(await context(), request, { asker: undefined, rolesOf: async () => roles });
  expect(told.exitCode).toBe(0);
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

const context = () => lab.context({ ...personal, GITHUB_TOKEN: api.token, GITHUB_API_URL: api.url });
const names = async (): Promise<string[]> => {
  const opened = await openRepository(await context(), "qimma/backups");
  return (await checkGithub(await context(), opened)).drifts.map(({ property }) => property);
};

/** Changes one thing. @returns what puts it back */
type Mutation = (world: GithubWorld) => () => void;
const environment = (world: GithubWorld, name: string) => {
  const it = world.environments.get(name);
  if (it === undefined) throw new Error(`no environment ${name}`);
  return it;
};
const swap = <Thing extends object, Key extends keyof Thing>(thing: Thing, key: Key, value: Thing[Key]) => {
  const before = thing[key];
  thing[key] = value;
  return () => {
    thing[key] = before;
  };
};
const without = <Value>(map: Map<string, Value>, name: string) => {
  const value = map.get(name);
  if (value === undefined) throw new Error(`${name} is not there`);
  map.delete(name);
  return () => void map.set(name, value);
};
const withValue = (map: Map<string, string>, name: string, value: string) => {
  const back = without(map, name);
  map.set(name, value);
  return back;
};

const all = [
  "backup",
  "drill",
  "github-pages",
  "incident",
  "monitor",
  "proving",
  "replica-retention",
  "restore",
  "retention",
];
const removed = (name: string): [string, Mutation] => [
  `environment ${name}`,
  (world) => without(world.environments, name),
];
const open = (name: string): [string, Mutation] => [
  `environment ${name}: branches`,
  (world) => swap(environment(world, name), "limit", null),
];
const wider = (name: string, type: "branch" | "tag"): [string, Mutation] => [
  `environment ${name}: branches`,
  (world) => {
    const { policies } = environment(world, name);
    policies.push({ id: 9, name: "main*", type });
    return () => void policies.pop();
  },
];
const unset = (name: string, setting: string): [string, Mutation] => [
  `environment ${name}: ${setting}`,
  (world) => {
    const { secrets, variables } = environment(world, name);
    return secrets.has(setting) ? without(secrets, setting) : without(variables, setting);
  },
];
const other = (name: string, setting: string, value: string): [string, Mutation] => [
  `environment ${name}: ${setting}`,
  (world) => withValue(environment(world, name).variables, setting, value),
];
const rule = (branch: "main" | "reports", type: string, change?: Record<string, unknown>): [string, Mutation] => [
  `branch ${branch}: ${type}`,
  ({ rulesets }) => {
    const ruleset = rulesets.find(({ name }) => name === `Lifeboat: ${branch}`);
    if (ruleset === undefined) throw new Error(`no ruleset for ${branch}`);
    const others = ruleset.rules.filter((one) => one.type !== type);
    const it = ruleset.rules.find((one) => one.type === type);
    const changed = { ...it, parameters: { ...(it && "parameters" in it && it.parameters), ...change } } as Rule;
    return swap(ruleset, "rules", change === undefined ? others : [...others, changed]);
  },
];

const withVault = ["backup", "drill", "incident", "monitor", "proving", "restore", "retention"];
const mutations: readonly (readonly [string, Mutation])[] = [
  ...all.map(removed),
  ...all.map(open),
  ...all.map((name) => wider(name, "branch")),
  wider("backup", "tag"),
  ["environment restore: reviewers", (world) => swap(environment(world, "restore"), "reviewers", [])],
  ...withVault.flatMap((name) => [
    unset(name, "AWS_REGION"),
    unset(name, "AWS_ROLE_ARN"),
    other(name, "S3_BACKUP_BUCKET", "somebody-elses"),
  ]),
  ...["DATABASE_URL", "BACKUP_SIGNING_KEY", "SUPABASE_STORAGE_ACCESS_KEY_ID", "SUPABASE_STORAGE_SECRET_ACCESS_KEY"].map(
    (name) => unset("backup", name),
  ),
  unset("incident", "BACKUP_SIGNING_KEY"),
  ...["proving", "drill"].flatMap((name) =>
    ["RESTORE_PRIVATE_KEY", "STAGING_DATABASE_URL"].map((one) => unset(name, one)),
  ),
  unset("restore", "RESTORE_PRIVATE_KEY"),
  unset("backup", "SUPABASE_STORAGE_ENDPOINT"),
  other("backup", "SUPABASE_STORAGE_REGION", "eu-west-1"),
  other("backup", "SUPABASE_PROJECT_REF", "zzzzzzzzzzzzzzzzzzzz"),
  other("monitor", "SLACK_CHANNEL", "C2"),
  other("proving", "STAGING_PROJECT_REF", "zzzzzzzzzzzzzzzzzzzz"),
  ...(["main", "reports"] as const).flatMap((branch) => [rule(branch, "deletion"), rule(branch, "non_fast_forward")]),
  rule("main", "pull_request"),
  rule("main", "required_status_checks"),
  rule("main", "pull_request", { required_approving_review_count: 0 }),
  rule("main", "pull_request", { require_code_owner_review: false }),
  rule("main", "pull_request", { dismiss_stale_reviews_on_push: false }),
  rule("main", "pull_request", { require_last_push_approval: false }),
  rule("main", "required_status_checks", { required_status_checks: [{ context: "lint" }] }),
  [
    'ruleset "Lifeboat: main": bypass',
    ({ rulesets }) =>
      swap(rulesets[0] ?? { bypass: [] }, "bypass", [
        { actor_id: 5, actor_type: "RepositoryRole", bypass_mode: "always" },
      ]),
  ],
  [
    "CODEOWNERS",
    ({ unownedLines }) => {
      unownedLines.push(6);
      return () => void unownedLines.pop();
    },
  ],
  [
    "OIDC subject",
    (world) => swap(world, "subject", { use_default: false, include_claim_keys: ["repo"], immutable: false }),
  ],
];

test(`${mutations.length} settings, each changed alone: its name is told, and no other`, async () => {
  expect(await names()).toEqual([]);
  const told: string[][] = [];
  for (const [, mutate] of mutations) {
    const back = mutate(api.world);
    told.push(await names());
    back();
  }
  expect(told).toEqual(mutations.map(([property]) => [property]));
  expect(await names()).toEqual([]);
});

test("a ruleset that is switched off protects nothing", async () => {
  const back = api.world.rulesets.map((one) => swap(one, "enforcement", "disabled"));
  expect(await names()).toHaveLength(6);
  for (const one of back) one();
});
