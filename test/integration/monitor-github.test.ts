import { afterAll, beforeEach, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { githubChecks } from "../../actions/lib/operations/monitor/github/github-checks.ts";
import { readWorkflows } from "../../actions/lib/operations/policy-check/promise-check.ts";
import type { Finding } from "../../actions/lib/policy/monitor/check.ts";
import { workflowFacts } from "../../actions/lib/policy/read-schedules.ts";
import { type LabRun, startActionsApi } from "../lab/servers/actions-api.ts";

const now = new Date("2026-11-24T12:00:00Z");
const ago = (hours: number): string => new Date(now.getTime() - hours * 3_600_000).toISOString();
const api = await startActionsApi("qimma/lifeboat");
afterAll(() => api[Symbol.asyncDispose]());

/** The workflows of this very checkout, all of them well. */
const files = readWorkflows().map(({ path, text }) => workflowFacts(path, text));
const scheduled = files.filter(({ crons }) => crons.length > 0);
const environments = [...new Set(files.flatMap((one) => one.environments))];
/** The retention and the drill are started more rarely than the others. */
const lastRun: Readonly<Record<string, number>> = { "retention.yml": 7, "disaster-drill.yml": 36 * 24 };

beforeEach(() => {
  api.runs = scheduled.map(({ file }, id): LabRun => {
    const createdAt = ago(lastRun[file] ?? 3);
    return { id, workflow: file.replace(".yml", ""), conclusion: "success", createdAt };
  });
  api.workflows = files.map(({ file }) => ({ file, state: "active", createdAt: "2026-01-01T00:00:00Z" }));
  api.environments = environments.map((name) => ({ name, branches: ["main"], reviewers: name === "restore" }));
  Object.assign(api, { isPrivate: false, mainIsProtected: true, beyondPlan: false, broken: undefined });
  api.asked.length = 0;
});

async function look(change: Record<string, string | undefined> = {}): Promise<Map<string, () => Promise<Finding>>> {
  const set = { GITHUB_REPOSITORY: "qimma/lifeboat", GITHUB_TOKEN: "ghs_1", GITHUB_API_URL: api.url };
  const config = await loadConfig({ needs: [], env: { ...set, ...change } });
  const run = { workflow: "monitor", runId: "1", attempt: 1, url: null, event: "schedule" };
  const context = new Context({ config, log: silentLog, signal: new AbortController().signal, run });
  const checks = githubChecks({ context, now, history: () => [] });
  return new Map(checks.map((check) => [check.id, () => check.look()]));
}

async function states(change?: Record<string, string>): Promise<Record<string, string>> {
  const checks = await look(change);
  return Object.fromEntries(await Promise.all([...checks].map(async ([id, ask]) => [id, (await ask()).state])));
}

const allWell = {
  ...{ schedules: "ok", "workflows-disabled": "ok", "last-runs": "ok", environments: "ok", "main-rules": "ok" },
  ...{ "oidc-subject": "ok", "actions-minutes": "ok" },
};

test("a repository as our pages set it up is well, asked in less than forty requests with the job's token alone", async () => {
  api.isPrivate = true;
  expect(await states()).toEqual(allWell);
  expect(api.asked.length).toBeLessThan(40);
  expect(new Set(api.asked.map(({ token }) => token))).toEqual(new Set(["token ghs_1"]));
});

test("a private repository with GitHub Free, which has neither rules nor limits of environments, is well", async () => {
  Object.assign(api, { isPrivate: true, beyondPlan: true });
  api.environments = api.environments.map((one) => ({ ...one, branches: null, reviewers: false }));
  expect(await states()).toEqual(allWell);
});

test("what was switched off, weakened or stopped turns its own check, and no other", async () => {
  const turned = async (): Promise<Record<string, string>> =>
    Object.fromEntries(Object.entries(await states()).filter(([, state]) => state !== "ok"));
  api.workflows = api.workflows.map((one) =>
    one.file === "backup.yml" ? { ...one, state: "disabled_manually" } : one,
  );
  expect(await turned()).toEqual({ "workflows-disabled": "critical" });
  api.workflows = api.workflows.map((one) => ({ ...one, state: "active" }));

  const runs = api.runs;
  api.runs = runs.map((run) => (run.workflow === "backup" ? { ...run, createdAt: ago(21) } : run));
  expect(await turned()).toEqual({ schedules: "critical" });
  // Somebody's button is no schedule.
  const byHand = { id: 99, workflow: "backup", event: "workflow_dispatch", conclusion: "success", createdAt: ago(1) };
  api.runs = [...api.runs, byHand];
  expect(await turned()).toEqual({ schedules: "critical" });
  const failed = [0, 1, 2].map((hours) => ({ id: 100 + hours, workflow: "backup", createdAt: ago(hours) }));
  api.runs = [...runs, ...failed.map((run) => ({ ...run, conclusion: "failure" }))];
  expect(await turned()).toEqual({ "last-runs": "critical" });
  api.runs = runs;

  api.environments = api.environments.map((one) => (one.name === "backup" ? { ...one, branches: null } : one));
  expect(await turned()).toEqual({ environments: "critical" });
  api.environments = api.environments.map((one) => (one.name === "backup" ? { ...one, branches: ["main", "x"] } : one));
  expect(await turned()).toEqual({ environments: "critical" });
  api.environments = api.environments.map((one) => (one.name === "backup" ? { ...one, branches: "protected" } : one));
  expect(await turned()).toEqual({});
  api.mainIsProtected = false;
  // Where no branch is protected, that limit lets every branch pass.
  expect(await turned()).toEqual({ environments: "critical", "main-rules": "critical" });
});

test("the month's minutes of a private repository are added up from its runs, each as whole minutes", async () => {
  api.isPrivate = true;
  const month = [1, 5, 9, 14, 20].map((day) => `2026-11-${String(day).padStart(2, "0")}T05:00:00Z`);
  api.runs = month.map((createdAt, id) => ({
    ...{ id, workflow: "backup", conclusion: "success", createdAt },
    updatedAt: new Date(Date.parse(createdAt) + 90_500).toISOString(),
  }));
  expect(await (await look()).get("actions-minutes")?.()).toMatchObject({
    ...{ state: "ok", measure: { value: 10, limit: 2000, unit: "minutes" } },
  });
});

test("runs on machines of one's own take no minutes", async () => {
  api.isPrivate = true;
  expect(await (await look({ RUNNER_ENVIRONMENT: "self-hosted" })).get("actions-minutes")?.()).toEqual({
    ...{ state: "ok", found: expect.stringContaining("your own machines") },
  });
});

test("without a role in a workflow's run the subject is critical; stored keys need none", async () => {
  const job = { GITHUB_ACTIONS: "true" };
  expect((await states(job))["oidc-subject"]).toBe("critical");
  expect((await states({ ...job, AWS_ACCESS_KEY_ID: "A", AWS_SECRET_ACCESS_KEY: "B" }))["oidc-subject"]).toBe("ok");
});

test.each([
  [403, "github-refused", /actions: read|metadata: read/],
  [401, "github-refused", /actions: read|metadata: read/],
  [500, "github-unavailable", /later run/],
])("a refusal with %i is nobody's finding, and says what to do", async (status, code, next) => {
  api.broken = status;
  for (const [id, ask] of await look()) {
    await expect(ask(), id).rejects.toMatchObject({ code, next: expect.stringMatching(next) });
  }
});

test("without repository or token every check says what to set", async () => {
  for (const change of [{ GITHUB_REPOSITORY: undefined }, { GITHUB_TOKEN: undefined }]) {
    const checks = await look(change);
    expect([...checks.keys()]).toEqual(Object.keys(allWell));
    for (const [id, ask] of checks)
      await expect(ask(), id).rejects.toMatchObject({
        code: "configuration",
        next: expect.stringContaining("GITHUB_TOKEN"),
      });
  }
});
