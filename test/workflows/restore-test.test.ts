import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runSync } from "../../actions/lib/operations/sync/run-sync.ts";
import { readDeepRecord } from "../../actions/lib/operations/verify/files/deep-record.ts";
import { provenBy, readerSigners } from "../../actions/lib/vault/configured.ts";
import { readProofs } from "../../actions/lib/vault/sets/proof-store.ts";
import { backUp, keysIn } from "../integration/backup-lab.ts";
import { openRestoreTestLab, type RestoreTestLab, stagingRef } from "../integration/restore-test-lab.ts";
import { createProject, execute, PLANTED_EMAIL, seedQimma, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { seedFiles, startStorage, storageSettings } from "../lab/storage/index.ts";
import type { ActRun, Checkout } from "./checkout.ts";
import { expectUntold, openWorkflowLab, secretsIn, type WorkflowLab } from "./workflow-lab.ts";

/** The restore test as act runs it: a vault with a set and a copy of the files, a staging project on a server of its own. */

let workflows: WorkflowLab;
let cluster: RunningPostgres;
let tests: RestoreTestLab;
let checkout: Checkout;
let stagingUrl: string;
let set: string;

const people = "select id from auth.users order by id limit 2";

beforeAll(async () => {
  workflows = await openWorkflowLab("act_tested");
  const { lab, project } = workflows;
  await seedQimma(project.postgresUrl, { bytes: 300_000, seed: 12 });
  await using storage = await startStorage(project);
  await seedFiles(project, storage, { count: 6, bytes: 60_000, seed: 12 });
  set = (await backUp(lab, project.backupUrl)).set;
  const source = { ...lab.env(project.backupUrl), ...storageSettings(storage), S3_STORAGE_BUCKET: lab.bucket };
  const needs = ["storageVault", "sourceStorage", "signing", "source"] as const;
  await runSync({ config: await loadConfig({ needs, env: source }), tier: "daily", log: silentLog });
  cluster = await startPostgres(17);
  const staging = await createProject(cluster.superuserUrl(), "staging");
  stagingUrl = staging.postgresUrl;
  tests = openRestoreTestLab(lab, stagingUrl);
  tests.policy({
    checks: [{ kind: "rls", name: "students are apart", query: "select id from public.users", people }],
  });
  checkout = workflows.repository();
});
afterAll(async () => {
  await cluster?.stop();
  await workflows?.[Symbol.asyncDispose]();
});

function run(
  name: "schedule" | "workflow_dispatch",
  inputs: Record<string, string> = {},
  vars = { LIFEBOAT_LEAVE_OUT: "files" },
): Promise<ActRun> {
  const secrets = { ...secretsIn(tests.env), S3_STORAGE_BUCKET: workflows.lab.bucket };
  return checkout.run("restore-test", { name, inputs, env: workflows.runner, secrets, vars });
}

async function opened() {
  const config = await loadConfig({ needs: [], env: tests.env });
  return (await readDeepRecord(workflows.lab.vault, await readerSigners(config))).record;
}

async function proofs() {
  const config = await loadConfig({ needs: [], env: tests.env });
  return (await readProofs(workflows.lab.vault, await provenBy(config))).proofs.map(({ proof }) => proof);
}

function expectNoSecret({ output }: ActRun): void {
  const kept = ["RESTORE_PRIVATE_KEY", "AWS_SECRET_ACCESS_KEY", "STAGING_DATABASE_URL"];
  expectUntold(output, tests.env, kept, [PLANTED_EMAIL]);
}

test("an unmarked project fails the job and is not touched; a share of the files is opened all the same", async () => {
  const ended = await run("schedule", {}, { LIFEBOAT_LEAVE_OUT: "" });
  expect(ended.code).toBe(1);
  expect(ended.output).toMatch(/::error[^\n]*does not bear the marker of staging/);
  expect(ended.output).toContain("runbooks/restore-test-failed.md");
  expect(await proofs()).toEqual([]);
  expect(ended.output).toMatch(/Snapshot [\w-]+ is whole: [^\n]* of the bytes opened/);
  expect(await opened()).toMatchObject({ damaged: [] });
  const reports = await keysIn(workflows.lab.vault, "reports/");
  const told = await Promise.all(
    reports.map(async (key) => Buffer.from((await workflows.lab.vault.get(key)).body).toString()),
  );
  const jobs = told.map((text) => JSON.parse(JSON.parse(text).document).operations[0].job);
  expect(jobs.sort()).toEqual(["test", "test.files"]);
  expectNoSecret(ended);
}, 120_000);

test("proves a set once a month, and leaves staging empty", async () => {
  await tests.mark();
  const first = await run("schedule");
  expect(first.code, first.output).toBe(0);
  expect(await proofs()).toMatchObject([{ set, outcome: "proven", defect: { outcome: "found" } }]);
  const state = await withClient(stagingUrl, (client) =>
    client.query("select state, (select count(*)::int from auth.users) as people from lifeboat_staging.marker"),
  );
  expect(state.rows).toEqual([{ state: "empty", people: 0 }]);

  const second = await run("schedule");
  expect(second.output).toContain("was proven this month already");
  expect(second.code).toBe(0);
  expect(await proofs()).toHaveLength(1);
  for (const each of [first, second]) expectNoSecret(each);
}, 300_000);

test("the button plants the defect of a seed, and a copy that a killed run left is emptied", async () => {
  await execute(
    stagingUrl,
    "create table public.left_behind (n int); update lifeboat_staging.marker set state = 'testing'",
  );
  const ended = await run("workflow_dispatch", { set: "latest", seed: "00c0ffee" });
  expect(ended.code).toBe(0);
  expect(ended.output).toContain("seed 00c0ffee");
  expect((await proofs()).at(-1)).toMatchObject({ turn: "named", defect: { seed: "00c0ffee" } });
  expect(stagingRef).toBe((await proofs()).at(-1)?.target.projectRef);
  expectNoSecret(ended);
});
