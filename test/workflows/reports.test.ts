import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allRows, readRuns, type Tree } from "../../actions/lib/report/branch/fold-runs.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { type SlackServer, startSlack } from "../lab/channels/slack-server.ts";
import { PLANTED_EMAIL, seedQimma } from "../lab/index.ts";
import type { ActRun, Checkout, Event } from "./checkout.ts";
import { expectUntold, openWorkflowLab, type WorkflowLab } from "./workflow-lab.ts";

/** The workflow that reports, as act runs it after the others, with a bare repository as origin. */

let workflows: WorkflowLab;
let checkout: Checkout;
let slack: SlackServer;

beforeAll(async () => {
  slack = await startSlack();
  workflows = await openWorkflowLab("reports");
  await seedQimma(workflows.project.postgresUrl, { bytes: 300_000, seed: 4 });
  checkout = workflows.repository();
});
afterAll(async () => {
  await slack?.[Symbol.asyncDispose]();
  await workflows?.[Symbol.asyncDispose]();
});

/** @param work the only one that is tried */
function run(work: "daily" | "weekly" | "monthly", id: string, change: Partial<Event> = {}): Promise<ActRun> {
  const vars = {
    LIFEBOAT_LEAVE_OUT: ["files", "daily", "weekly", "monthly", "kit"].filter((each) => each !== work).join(" "),
  };
  const env = { ...workflows.runner, ...change.env, GITHUB_RUN_ID: id };
  const secrets = { ...workflows.secrets, ...change.secrets };
  return checkout.run("backup", { name: "schedule", ...change, env, secrets, vars });
}

function branch(): Tree & { readonly text: string } {
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: checkout.origin, encoding: "utf8" });
  const paths = git("ls-tree", "-r", "--name-only", "reports").split("\n").filter(Boolean);
  const read = (path: string): string => git("show", `reports:${path}`);
  return { paths, read, text: paths.map(read).join("\n") };
}

/** Publishes what lies in the vaults. */
async function report(id: string, change: Partial<Event> = {}): Promise<ActRun> {
  // What the monitor finds after that has to reach somebody, else the job fails; nothing is asked outside of the lab.
  const env = { ...workflows.runner, GITHUB_RUN_ID: id, SUPABASE_STATUS_URL: "http://127.0.0.1:9" };
  const held = Object.entries(workflows.secrets).filter(([name]) => /^(AWS_|S3_)/.test(name));
  const { token: SLACK_BOT_TOKEN, channel: SLACK_CHANNEL, apiUrl: SLACK_API_URL } = slack;
  const secrets = { ...Object.fromEntries(held), SLACK_BOT_TOKEN, SLACK_CHANNEL, SLACK_API_URL };
  const ended = await checkout.run("monitor", { name: "schedule", env, secrets: { ...secrets, ...change.secrets } });
  expect(ended.code, ended.output).toBe(0);
  return ended;
}

test("every run is told on the branch: of two vaults, one that failed, once and for all", async () => {
  // Each with a vault of its own: two backups of one would wait for each other.
  const other = await workflows.newVault(`reports-${process.pid}-weekly`);
  const elsewhere = { secrets: { S3_BACKUP_BUCKET: other.bucket } };
  const both = await Promise.all([run("daily", "501"), run("weekly", "502", elsewhere)]);
  for (const { code, output } of both) expect(code, output).toBe(0);
  const url = new URL(workflows.project.backupUrl);
  url.password = "certainly-not-this-one";
  const refused = await run("monthly", "503", { secrets: { DATABASE_URL: url.href } });
  expect(refused.code).toBe(1);

  const published = [await report("504"), await report("505", elsewhere)];
  const [first, second, failed, ...none] = allRows(readRuns(branch())).sort((a, b) => (a.run < b.run ? -1 : 1));
  expect([first, second]).toMatchObject([
    { run: "501", workflow: "backup", conclusion: "success", operations: [{ tier: "daily" }] },
    { run: "502", workflow: "backup", conclusion: "success", operations: [{ tier: "weekly" }] },
  ]);
  expect(failed).toMatchObject({
    ...{ run: "503", conclusion: "failure" },
    operations: [{ operation: "backup", conclusion: "failure" }],
  });
  expect(failed?.operations[0]?.code).not.toBe("no-report");
  expect(none).toEqual([]);
  expect(branch().read("README.md")).toContain(second?.operations[0]?.set);

  const said = [branch().text, ...[...both, refused, ...published].map(({ output }) => output)].join("\n");
  const kept = ["BACKUP_SIGNING_PASSPHRASE", "AWS_SECRET_ACCESS_KEY"];
  expectUntold(said, workflows.secrets, kept, [PLANTED_EMAIL, url.password]);
});

test("retention removes, without a key, what backups leave behind, and leaves its report", async () => {
  const { vault } = workflows.lab;
  const trail = () => versionsBelow(vault.transport, "leases/");
  const superseded = (await trail()).filter(({ latest }) => !latest);
  expect(superseded.length).toBeGreaterThan(2);
  const { BACKUP_SIGNING_KEY, BACKUP_SIGNING_PASSPHRASE, ...secrets } = workflows.secrets;
  const ended = await checkout.run("retention", {
    name: "schedule",
    env: { ...workflows.runner, GITHUB_RUN_ID: "506" },
    secrets,
  });
  expect(ended.code, ended.output).toBe(0);
  expect(ended.output).toContain("Retention of the vaults");
  const left = (await trail()).map(({ versionId }) => versionId);
  expect(superseded.filter(({ versionId }) => left.includes(versionId))).toEqual([]);
  // Nobody signed it: how such a run ended is taken from GitHub, unless it ended badly.
  const told = (await versionsBelow(vault.transport, "reports/")).map(({ key }) => key);
  expect(told).toContainEqual(expect.stringMatching(/-506-1-[\w.-]+-retention-[0-9a-f]{8}\.json$/));
});
