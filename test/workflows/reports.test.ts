import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allRows, readRuns, type Tree } from "../../actions/lib/report/fold-runs.ts";
import { type BackupLab, openBackupLab } from "../integration/backup-lab.ts";
import { createProject, dropProject, type LabProject, PLANTED_EMAIL, seedQimma } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type ActRun, type Checkout, checkOut, type Event } from "./checkout.ts";

/** The job that reports, as act runs it after the others, with a bare repository as origin. */

const name = `reports_${process.pid}`;
const tools = { LIFEBOAT_PG_BIN: sharedPostgres(17).binDir };
let lab: BackupLab;
let project: LabProject;
let checkout: Checkout;
let secrets: Record<string, string>;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  project = await createProject(sharedPostgres(17).superuserUrl(), name);
  await seedQimma(project.postgresUrl, { bytes: 300_000, seed: 4 });
  checkout = checkOut(JSON.parse(readFileSync(join(lab.folder, "policy.json"), "utf8")), lab.publicKeys);
  const { PATH, HOME, LIFEBOAT_POLICY, BACKUP_PUBLIC_KEYS, ...rest } = lab.env(project.backupUrl);
  secrets = rest;
});

afterAll(async () => {
  checkout?.[Symbol.dispose]();
  if (project !== undefined) await dropProject(sharedPostgres(17).superuserUrl(), name);
  await lab?.[Symbol.asyncDispose]();
});

function run(workflow: string, id: string, change: Partial<Event> = {}): Promise<ActRun> {
  const env = { ...tools, ...change.env, GITHUB_RUN_ID: id };
  return checkout.run(workflow, { name: "schedule", ...change, env, secrets: { ...secrets, ...change.secrets } });
}

function branch(): Tree & { readonly text: string } {
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: checkout.origin, encoding: "utf8" });
  const paths = git("ls-tree", "-r", "--name-only", "reports").split("\n").filter(Boolean);
  const read = (path: string): string => git("show", `reports:${path}`);
  return { paths, read, text: paths.map(read).join("\n") };
}

test("every run is told on the branch: two at once, one that failed, one that never began", async () => {
  // Each with a vault of its own: two backups of one would wait for each other.
  const other = `${name.replaceAll("_", "-")}-weekly`;
  await sharedS3().createBucket(other);
  const elsewhere = { secrets: { S3_BACKUP_BUCKET: other } };
  const both = await Promise.all([run("daily-backup", "501"), run("weekly-export", "502", elsewhere)]);
  for (const { code, output } of both) expect(code, output).toBe(0);
  const [first, second] = allRows(readRuns(branch())).sort((a, b) => (a.run < b.run ? -1 : 1));
  expect([first, second]).toMatchObject([
    { run: "501", workflow: "daily-backup", conclusion: "success", operations: [{ tier: "daily" }] },
    { run: "502", workflow: "weekly-export", conclusion: "success", operations: [{ tier: "weekly" }] },
  ]);
  expect(branch().read("README.md")).toContain(first?.operations[0]?.set);

  const url = new URL(project.backupUrl);
  url.password = "certainly-not-this-one";
  const refused = await run("monthly-archive", "503", { secrets: { DATABASE_URL: url.href } });
  expect(refused.code).toBe(1);
  const dead = await run("daily-backup", "504", { env: { LIFEBOAT_PG_BIN: "/nowhere" } });
  expect(dead.code).toBe(1);
  const rows = new Map(allRows(readRuns(branch())).map((row) => [row.run, row]));
  expect(rows.get("503")).toMatchObject({
    conclusion: "failure",
    operations: [{ operation: "backup", conclusion: "failure" }],
  });
  expect(rows.get("503")?.operations[0]?.code).not.toBe("no-report");
  expect(rows.get("504")).toMatchObject({ conclusion: "failure" });

  const said = [branch().text, ...[...both, refused, dead].map(({ output }) => output)].join("\n");
  const kept = ["BACKUP_SIGNING_PASSPHRASE", "AWS_SECRET_ACCESS_KEY"].map((each) => secrets[each] ?? "");
  for (const planted of [PLANTED_EMAIL, url.password, ...kept]) {
    expect(planted.length).toBeGreaterThan(5);
    expect(said).not.toContain(planted);
  }
});
