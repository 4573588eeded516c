import { execFile } from "node:child_process";
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runnableBlocks } from "../../scripts/check/runbook-page.ts";
import { type CommandServer, startCommands } from "../lab/command-server.ts";
import { createProject, dropProject, type LabProject, seedQimma } from "../lab/index.ts";
import { replicate } from "../lab/replicate.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { fillRows, type RunningStorage, startStorage, storageSettings } from "../lab/storage/index.ts";
import { addProject, type SupabaseApi, startSupabaseApi } from "../lab/supabase-api/index.ts";
import { type BackupLab, backUp } from "./backup-lab.ts";
import { type FilesLab, openFilesLab, targetEnv } from "./files-lab.ts";
import { openRestoreTestLab } from "./restore-test-lab.ts";

const run = promisify(execFile);
const root = new URL("../..", import.meta.url).pathname;
const pages = globSync("runbooks/*.md", { cwd: root }).toSorted();
const scripts = pages.flatMap((page) =>
  runnableBlocks(readFileSync(join(root, page), "utf8")).map((script, index) => ({ page, number: index + 1, script })),
);
const server = sharedPostgres(17);
const own = (name: string): string => `runbooks_${name}_${process.pid}`;
const [source, target, staging] = [own("source"), own("target"), own("staging")];
let lab: BackupLab;
let files: FilesLab;
let storages: readonly [RunningStorage, RunningStorage];
let project: LabProject;
let env: Record<string, string>;
let replica: Record<string, string>;
/** What a person has who may make projects, as `recover` reads it. */
let supabase: Record<string, string>;
let api: SupabaseApi;
let commands: CommandServer;

beforeAll(async () => {
  commands = await startCommands();
  files = await openFilesLab();
  lab = files.sets;
  project = await createProject(server.superuserUrl(), source);
  await seedQimma(project.postgresUrl, { bytes: 300_000, seed: 2 });
  const empty = await createProject(server.superuserUrl(), target);
  await backUp(lab, project.backupUrl);
  storages = await Promise.all([startStorage(project), startStorage(empty)]);
  await fillRows(project, storages[0]);
  await files.sync(project, storages[0]);
  const copy = `${lab.bucket}-replica`;
  await sharedS3().createBucket(copy);
  const client = sharedS3().client();
  for (const bucket of [lab.bucket, files.bucket]) await replicate({ client, bucket }, { client, bucket: copy });
  client.destroy();
  replica = { S3_REPLICA_BUCKET: copy, S3_REPLICA_REGION: sharedS3().region };
  api = await startSupabaseApi();
  const policy = JSON.parse(readFileSync(lab.env("")["LIFEBOAT_POLICY"] ?? "", "utf8"));
  const allowed = { ...policy, regions: ["us-east-1", "eu-central-1"] };
  const recovery = { organization: "org", region: "us-east-1" };
  const policyPath = join(lab.folder, "policy-of-a-recovery.json");
  writeFileSync(policyPath, JSON.stringify({ ...allowed, recovery }));
  supabase = {
    ...{ SUPABASE_ACCESS_TOKEN: api.token, SUPABASE_API_URL: api.url, LIFEBOAT_POLICY: policyPath },
    RESTORE_PRIVATE_KEY: lab.operations.key.armor(),
  };
  const tests = openRestoreTestLab(lab, (await createProject(server.superuserUrl(), staging)).postgresUrl);
  await tests.mark();
  env = {
    ...files.env,
    ...storageSettings(storages[0]),
    ...targetEnv(empty, storages[1]),
    // Of the prover, who opens sets and signs proofs.
    ...tests.env,
    DATABASE_URL: project.backupUrl,
  };
});
afterAll(async () => {
  for (const name of [source, target, staging]) await dropProject(server.superuserUrl(), name);
  for (const storage of storages) await storage.stop();
  await api?.[Symbol.asyncDispose]();
  await commands?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

function ofEscrow(): Record<string, string> {
  const file = join(lab.folder, "secrets.env");
  writeFileSync(file, "STRIPE_KEY=sk_live=with=signs\nMAIL_KEY=another\n");
  return { MAIL_PASSWORD: "a password", SECRETS_FILE: file };
}

/** Production can go back to a moment of the last hour. */
function ofFailure(): Record<string, string> {
  const production = addProject(api.world, { name: "production", region: "us-east-1" });
  Object.assign(production.addons, { compute: "ci_small", pitr: "pitr_7" });
  const moment = new Date(Math.floor(Date.now() / 1000) * 1000 - 600_000).toISOString();
  return { LAST_GOOD: moment, SUPABASE_PROJECT_REF: production.ref, SUPABASE_STATUS_URL: api.statusUrl };
}

/** What a page's reader has set, beside what all have. */
const further: Readonly<Record<string, () => Record<string, string>>> = {
  // Nothing of Supabase's is asked outside of the lab.
  "runbooks/monitor-silent.md": () => ({ SUPABASE_STATUS_URL: api.statusUrl }),
  "runbooks/escrow.md": () => ({ RESTORE_PRIVATE_KEY: lab.operations.key.armor(), ...ofEscrow() }),
  "runbooks/recover-complete-loss.md": () => supabase,
  "runbooks/recover-database-failure.md": () => ({ ...supabase, ...ofFailure() }),
  "runbooks/recover-regional-disaster.md": () => ({ ...supabase, ...replica }),
};

test.each(scripts)("$page, block $number: what it says to run does run", async ({ page, script }) => {
  // The command line itself, without npm before it: whoever reads the page has installed it.
  // What a page has written where its reader stands.
  using _ = { [Symbol.dispose]: () => rmSync(join(root, "kit.tar"), { force: true }) };
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", commands.npx + script], {
    ...{ cwd: root, env: { ...env, ...further[page]?.() } },
  });
  expect(stdout).not.toBe("");
});

test("the pages say what to run", () => {
  expect(scripts.length).toBeGreaterThanOrEqual(4);
});
