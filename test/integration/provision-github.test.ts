import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Asker } from "../../actions/lib/base/ask.ts";
import { provisionGithub } from "../../actions/lib/operations/provision/github/run-github.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { type GithubApi, jobSettings, newEnvironment, startGithubApi } from "../lab/github-api/index.ts";
import { openProvisionLab, type ProvisionLab, personal, roles } from "./provision-github-lab.ts";

let lab: ProvisionLab;
let api: GithubApi;
beforeAll(async () => {
  lab = await openProvisionLab();
});
beforeEach(async () => {
  api = await startGithubApi("qimma/backups");
});
afterAll(() => lab?.[Symbol.asyncDispose]());

interface How {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly dryRun?: boolean;
  readonly asker?: Asker;
  readonly repository?: string;
}

async function provision({ env = {}, dryRun = false, asker, repository = "qimma/backups" }: How = {}) {
  const context = await lab.context({ ...personal, GITHUB_TOKEN: api.token, GITHUB_API_URL: api.url, ...env });
  const told = await provisionGithub(
    context,
    { repository, keys: lab.keys, dryRun },
    { asker, rolesOf: async () => roles },
  );
  return { code: told.exitCode, text: told.page === undefined ? "" : renderText(told.page).join("\n") };
}
const writes = () => api.world.asked.filter((one) => !one.startsWith("GET "));
const secretsOf = (name: string) => Object.fromEntries(api.world.environments.get(name)?.secrets ?? []);

test("from nothing to everything that the workflows need, each value only where it belongs, and again without a change", async () => {
  const rehearsed = await provision({ dryRun: true });
  expect(writes()).toEqual([]);
  expect(rehearsed).toMatchObject({ code: 0, text: expect.stringContaining("would be made") });

  const done = await provision();
  expect(done.text).toContain("qimma/backups has what the workflows need.");
  expect(done.code).toBe(0);
  for (const [name, it] of api.world.environments) {
    expect(it.limit, name).toEqual({ protected_branches: false, custom_branch_policies: true });
    expect(it.policies.map((one) => one.name)).toEqual(["main"]);
    expect(it.reviewers).toEqual(name === "restore" ? [{ type: "Team", id: 11 }] : []);
  }
  const key = (role: string) => readFile(join(lab.keys, `${role}.private.asc`), "utf8");
  expect(secretsOf("backup")["BACKUP_SIGNING_KEY"]).toBe(await key("signing"));
  expect(secretsOf("proving")["RESTORE_PRIVATE_KEY"]).toBe(await key("prover"));
  expect(secretsOf("restore")["RESTORE_PRIVATE_KEY"]).toBe(await key("operations"));
  // What one environment has, by name: the tables of .github/workflows/README.md.
  expect(Object.keys(secretsOf("proving")).sort()).toEqual(
    ["RESTORE_PASSPHRASE", "RESTORE_PRIVATE_KEY", "SLACK_BOT_TOKEN", "STAGING_DATABASE_URL"].sort(),
  );
  expect(secretsOf("drill")["SUPABASE_ACCESS_TOKEN"]).toBe("sbp_drill");
  expect(secretsOf("monitor")["SUPABASE_ACCESS_TOKEN"]).toBe("sbp_reads");
  expect(secretsOf("restore")).not.toHaveProperty("SUPABASE_ACCESS_TOKEN");
  expect(jobSettings(api.world, "retention")["AWS_ROLE_ARN"]).toBe(roles["retention"]);
  const everything = JSON.stringify([...api.world.environments.values()].map((it) => [...it.secrets, ...it.variables]));
  expect(everything).not.toContain("admin-secret");
  expect(everything).not.toContain((await key("escrow")).slice(0, 200));
  expect(api.world.rulesets.map(({ name }) => name)).toEqual(["Lifeboat: main", "Lifeboat: reports"]);
  // Nothing that was stored is shown.
  for (const secret of ["s3cret", "production-files-key", "xoxb-1", "sbp_", "BEGIN PGP"])
    expect(done.text).not.toContain(secret);

  api.world.asked.length = 0;
  expect((await provision()).code).toBe(0);
  // A secret cannot be compared; nothing else is written.
  expect(writes().filter((one) => !/^PUT .*\/secrets\//.test(one))).toEqual([]);
});

test.each([
  ["free", true, [/rules of branches/, /Nobody is asked/], false],
  ["team", true, [/Nobody is asked/], true],
  ["enterprise", true, [], true],
  ["free", false, [], true],
] as const)(
  "with the plan %s, private %s, it says what is not enforced and does the rest",
  async (plan, isPrivate, unenforced, limits) => {
    Object.assign(api.world, { plan, isPrivate });
    const { code, text } = await provision();
    expect(code).toBe(0);
    const all = [/rules of branches/, /Nobody is asked/];
    for (const sentence of all)
      expect(sentence.test(text), String(sentence)).toBe(
        (unenforced as readonly RegExp[]).some((one) => one.source === sentence.source),
      );
    expect(api.world.environments.get("backup")?.limit === null).toBe(!limits);
    expect(secretsOf("backup")["DATABASE_URL"]).toBe(personal["DATABASE_URL"]);
    expect(api.world.rulesets.length).toBe(limits ? 2 : 0);
  },
);

test("what is stricter already, or somebody else's, stays, and is named", async () => {
  const restore = newEnvironment(api.world);
  const limit = { protected_branches: false, custom_branch_policies: true };
  Object.assign(restore, { waitTimer: 30, preventSelfReview: true, reviewers: [{ type: "User", id: 2 }], limit });
  restore.policies.push({ id: 1, name: "main", type: "branch" }, { id: 2, name: "release/*", type: "branch" });
  api.world.environments.set("restore", restore);
  const strict = {
    required_approving_review_count: 2,
    require_code_owner_review: false,
    dismiss_stale_reviews_on_push: false,
  };
  api.world.rulesets.push({
    ...{ id: 5, name: "Lifeboat: main", enforcement: "active", include: ["refs/heads/main"], bypass: [] },
    rules: [
      { type: "required_linear_history" },
      {
        type: "pull_request",
        parameters: { ...strict, require_last_push_approval: true, required_review_thread_resolution: true },
      },
    ],
  });
  const { code, text } = await provision();
  expect(restore).toMatchObject({ waitTimer: 30, preventSelfReview: true });
  expect(restore.reviewers).toEqual([
    { type: "User", id: 2 },
    { type: "Team", id: 11 },
  ]);
  expect(text).toContain("Its other reviewers stay: grace.");
  expect(restore.policies.map(({ name }) => name)).toEqual(["main", "release/*"]);
  expect(text).toContain("It also takes release/*");
  // A branch too many is told until somebody takes it away.
  expect(code).toBe(1);
  const [main] = api.world.rulesets;
  expect(main?.rules).toContainEqual({ type: "required_linear_history" });
  expect(main?.rules).toContainEqual({
    type: "pull_request",
    parameters: {
      ...{ required_approving_review_count: 2, require_code_owner_review: true, dismiss_stale_reviews_on_push: true },
      ...{ require_last_push_approval: true, required_review_thread_resolution: true },
    },
  });
});

test("what was half made before is finished", async () => {
  const backup = newEnvironment(api.world);
  backup.limit = { protected_branches: false, custom_branch_policies: true };
  backup.variables.set("S3_BACKUP_BUCKET", "another-bucket");
  backup.variables.set("AWS_REGION", "us-east-1");
  api.world.environments.set("backup", backup);
  // GitHub made it when a workflow named it.
  api.world.environments.set("monitor", newEnvironment(api.world));
  expect((await provision()).code).toBe(0);
  expect(backup.policies.map(({ name }) => name)).toEqual(["main"]);
  expect(backup.variables.get("S3_BACKUP_BUCKET")).toBe("qimma-database");
  expect(api.world.environments.get("monitor")?.policies.map(({ name }) => name)).toEqual(["main"]);
});

test("a secret that GitHub refuses is named, the rest is done, and the command says that it is not", async () => {
  api.world.refused.push({ request: /^PUT \/environments\/backup\/secrets\/DATABASE_URL$/, status: 403 });
  const { code, text } = await provision();
  expect(code).toBe(1);
  expect(text).toMatch(/environment backup +DATABASE_URL +refused +GitHub's API answered with 403/);
  expect(secretsOf("backup")).toHaveProperty("BACKUP_SIGNING_KEY");
  expect(secretsOf("incident")).toHaveProperty("DATABASE_URL");
  expect(text).not.toContain("s3cret");
});

test("a value that its jobs would refuse is not stored, and a private key only where the policy pins it", async () => {
  const operations = await readFile(join(lab.keys, "operations.private.asc"), "utf8");
  const passphrase = (await readFile(join(lab.keys, "operations.passphrase"), "utf8")).trim();
  const { code, text } = await provision({
    env: {
      DATABASE_URL: personal["DATABASE_URL"]?.replace(":5432", ":6543"),
      ...{ PROVING_RESTORE_PRIVATE_KEY: operations, PROVING_RESTORE_PASSPHRASE: passphrase },
    },
  });
  expect(code).toBe(1);
  expect(text).toMatch(/environment backup +DATABASE_URL +refused/);
  expect(secretsOf("backup")).not.toHaveProperty("DATABASE_URL");
  expect(text).toMatch(/environment proving +RESTORE_PRIVATE_KEY +refused +is not the prover key that the policy pins/);
  expect(secretsOf("proving")).not.toHaveProperty("RESTORE_PRIVATE_KEY");
});

test("a missing secret is asked for without being shown, and without anybody to ask it is named", async () => {
  const env = { STAGING_DATABASE_URL: undefined };
  const { code, text } = await provision({ env });
  expect(code).toBe(1);
  expect(text).toMatch(/environment proving +STAGING_DATABASE_URL +missing +is not set/);
  const asked: string[] = [];
  const asker: Asker = {
    ask: () => Promise.reject(new Error("nothing else is asked")),
    say: () => {},
    hidden(question) {
      asked.push(question);
      return Promise.resolve(personal["STAGING_DATABASE_URL"] ?? "");
    },
  };
  expect((await provision({ env, asker })).code).toBe(0);
  expect(asked).toEqual([
    "STAGING_DATABASE_URL of the environment drill",
    "STAGING_DATABASE_URL of the environment proving",
  ]);
  expect(secretsOf("proving")["STAGING_DATABASE_URL"]).toBe(personal["STAGING_DATABASE_URL"]);
  // Stored now: it is neither missing nor asked for again.
  expect((await provision({ env, asker })).code).toBe(0);
  expect(asked).toHaveLength(2);
});

test("a renamed repository, another default branch and a token without rights are refused before anything is touched", async () => {
  api.world.formerNames.add("qimma/lifeboat");
  await expect(provision({ repository: "qimma/lifeboat" })).rejects.toMatchObject({
    code: "repository-renamed",
    message: expect.stringContaining("qimma/lifeboat is called qimma/backups now"),
    next: expect.stringContaining("--repository qimma/backups"),
  });
  for (const rights of ["write", "none"] as const) {
    api.world.tokens.set("ghp_weak", rights);
    await expect(provision({ env: { GITHUB_TOKEN: "ghp_weak" } })).rejects.toMatchObject({ code: "github-rights" });
  }
  await expect(provision({ env: { GITHUB_TOKEN: "ghp_unknown" } })).rejects.toMatchObject({
    ...{ code: "github-rights", next: expect.stringContaining("Administration") },
  });
  await expect(provision({ env: { GITHUB_TOKEN: undefined } })).rejects.toMatchObject({ code: "configuration" });
  expect(writes()).toEqual([]);
});
