import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runnableBlocks } from "../../scripts/check/runbook-page.ts";
import { createProject, dropProject, type LabProject, seedQimma } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
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
let project: LabProject;
let env: Record<string, string>;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3(), { binDir: server.binDir });
  project = await createProject(server.superuserUrl(), source);
  await seedQimma(project.postgresUrl, { bytes: 300_000, seed: 2 });
  const empty = await createProject(server.superuserUrl(), target);
  await backUp(lab, project.backupUrl);
  const tests = openRestoreTestLab(lab, (await createProject(server.superuserUrl(), staging)).postgresUrl);
  await tests.mark();
  env = {
    ...lab.env(project.backupUrl),
    // Of the prover, who opens sets and signs proofs.
    ...tests.env,
    DATABASE_URL: project.backupUrl,
    TARGET_DATABASE_URL: empty.postgresUrl,
  };
});
afterAll(async () => {
  for (const name of [source, target, staging]) await dropProject(server.superuserUrl(), name);
  await lab?.[Symbol.asyncDispose]();
});

test.each(scripts)("$page, block $number: what it says to run does run", async ({ script }) => {
  // The command line itself, without npm before it: whoever reads the page has installed it.
  const npx = `npx() { shift; "${process.execPath}" "${join(root, "scripts/lifeboat.ts")}" "$@"; }\n`;
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", npx + script], { cwd: root, env });
  expect(stdout).not.toBe("");
});

test("the pages say what to run", () => {
  expect(scripts.length).toBeGreaterThanOrEqual(4);
});
