import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readVaultReports } from "../../actions/lib/operations/publish/vault-reports.ts";
import { noteVerifier } from "../../actions/lib/vault/configured.ts";
import { type HeartbeatServer, startHeartbeats } from "../lab/channels/heartbeat-server.ts";
import { type SlackServer, startSlack } from "../lab/channels/slack-server.ts";
import { lifeboat as command } from "../lab/command-line.ts";
import { createProject, dropProject, type LabProject, seedQimma } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { isUntouched } from "./restore-lab.ts";

/** What a person's run at a terminal leaves behind: the same as a schedule's. */

const superuser = () => sharedPostgres(17).superuserUrl();
let lab: BackupLab;
let source: LabProject;
let target: LabProject;
let set: string;
let slack: SlackServer;
let heartbeats: HeartbeatServer;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  source = await createProject(superuser(), `by_hand_${process.pid}`);
  target = await createProject(superuser(), `by_hand_target_${process.pid}`);
  await seedQimma(source.postgresUrl, { bytes: 300_000, seed: 7, superuserUrl: source.superuserUrl });
  ({ set } = await backUp(lab, source.backupUrl));
});
beforeEach(async () => {
  [slack, heartbeats] = await Promise.all([startSlack(), startHeartbeats()]);
  return async () => {
    await slack[Symbol.asyncDispose]();
    await heartbeats[Symbol.asyncDispose]();
  };
});
afterAll(async () => {
  for (const project of [source, target]) if (project !== undefined) await dropProject(superuser(), project.name);
  await lab?.[Symbol.asyncDispose]();
});

async function lifeboat(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await command(args, {
    ...lab.env(source.backupUrl),
    ...{ RESTORE_PRIVATE_KEY: lab.operations.key.armor(), TARGET_DATABASE_URL: target.postgresUrl },
    ...{ SLACK_BOT_TOKEN: slack.token, SLACK_CHANNEL: slack.channel, SLACK_API_URL: slack.apiUrl },
    ...{ HEARTBEAT_URL_RESTORE: heartbeats.url, LIFEBOAT_PG_BIN: sharedPostgres(17).binDir, ...env },
  });
  return { code, said: `${stdout}\n${stderr}` };
}

const alerts = () => slack.messages.filter((message) => JSON.stringify(message).includes("Restore failed"));

async function reports() {
  const { reports: found } = await readVaultReports(lab.vault, await noteVerifier(await lab.config(source.backupUrl)));
  return found.flatMap(({ run, operations }) => operations.map((one) => ({ ...one, by: run.workflow })));
}

test("a restore that is refused leaves a report, an alert and a heartbeat that says so", async () => {
  const ended = await lifeboat(["restore", "20200101T000000Z-00000000"]);
  expect(ended.code, ended.said).not.toBe(0);
  expect(await reports()).toMatchObject([
    { operation: "restore", by: "by-hand", conclusion: "failure", failure: { runbook: "runbooks/restore-failed.md" } },
  ]);
  // Beside the summary of the day, which the first run after its hour sends.
  expect(alerts()).toHaveLength(1);
  expect(heartbeats.beats).toEqual(["/start", "/fail"]);
}, 120_000);

test("told to be quiet it leaves none of them, and says so; nor does a rehearsal", async () => {
  const before = await reports();
  const quiet = await lifeboat(["restore", "20200101T000000Z-00000000", "--quiet-run"]);
  expect(quiet.code).not.toBe(0);
  expect(quiet.said).toContain("leaves no report, alert or heartbeat");
  expect((await lifeboat(["restore", set, "--dry-run"])).code).toBe(0);
  expect(await isUntouched(target.superuserUrl)).toBe(true);
  expect(await reports()).toEqual(before);
  expect([slack.messages, heartbeats.beats]).toEqual([[], []]);
}, 120_000);

test("a restore that comes to its end leaves its facts and the good news, signed by the key that it opened the set with", async () => {
  const ended = await lifeboat(["restore", set]);
  expect(ended.code, ended.said).toBe(0);
  expect((await reports()).at(-1)).toMatchObject({
    ...{ operation: "restore", by: "by-hand", conclusion: "success", facts: { set, outcome: "equal" } },
    untold: [],
  });
  expect(alerts()).toEqual([]);
  expect(heartbeats.beats).toEqual(["/start", "/"]);
}, 120_000);
