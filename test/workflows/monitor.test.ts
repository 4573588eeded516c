import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { backUp } from "../integration/backup-lab.ts";
import { type HeartbeatServer, startHeartbeats } from "../lab/channels/heartbeat-server.ts";
import { type SlackServer, startSlack } from "../lab/channels/slack-server.ts";
import { PLANTED_EMAIL, seedQimma } from "../lab/index.ts";
import { addProject, type SupabaseApi, startSupabaseApi } from "../lab/supabase-api/index.ts";
import type { ActRun, Checkout } from "./checkout.ts";
import { expectUntold, openWorkflowLab, secretsIn, type WorkflowLab } from "./workflow-lab.ts";

/** The workflow monitor as act runs it: a vault with a set, Supabase's API, Slack and a watcher; and the page that it calls for. */

const ref = "abcdefghijklmnopqrst";
let workflows: WorkflowLab;
let checkout: Checkout;
let slack: SlackServer;
let heartbeats: HeartbeatServer;
let api: SupabaseApi;
let secrets: Record<string, string>;

beforeAll(async () => {
  workflows = await openWorkflowLab("act_monitor");
  const { lab, project } = workflows;
  await seedQimma(project.postgresUrl, { bytes: 200_000, seed: 7 });
  await backUp(lab, project.backupUrl);
  [slack, heartbeats, api] = await Promise.all([startSlack(), startHeartbeats(), startSupabaseApi()]);
  addProject(api.world, { ref });
  checkout = workflows.repository();
  // What the environment `monitor` holds: nothing that opens, signs or reaches a database.
  const vault = Object.entries(workflows.secrets).filter(([name]) => /^(AWS_|S3_)/.test(name));
  secrets = secretsIn({
    ...Object.fromEntries(vault),
    ...{ SUPABASE_PROJECT_REF: ref, SUPABASE_ACCESS_TOKEN: api.token, SUPABASE_API_URL: api.url },
    ...{ SLACK_BOT_TOKEN: slack.token, SLACK_CHANNEL: slack.channel, SLACK_API_URL: slack.apiUrl },
    HEARTBEAT_URL_MONITOR: heartbeats.url,
  });
});
afterAll(async () => {
  for (const server of [slack, heartbeats, api]) await server?.[Symbol.asyncDispose]();
  await workflows?.[Symbol.asyncDispose]();
});

function run(id: string, more: Record<string, string> = {}): Promise<ActRun> {
  const env = { ...workflows.runner, SUPABASE_STATUS_URL: api.statusUrl, GITHUB_RUN_ID: id };
  return checkout.run("monitor", {
    ...{ name: "schedule", env, secrets: { ...secrets, ...more } },
    vars: { LIFEBOAT_PAGES: "on" },
  });
}

const git = (...args: string[]): string => execFileSync("git", args, { cwd: checkout.origin, encoding: "utf8" });
const kept = ["SUPABASE_ACCESS_TOKEN", "SLACK_BOT_TOKEN", "AWS_SECRET_ACCESS_KEY"];

test("it publishes, looks, tells people and the watcher, and shows the page that it wrote", async () => {
  const ended = await run("701");
  expect(ended.code, ended.output).toBe(0);
  const paths = git("ls-tree", "-r", "--name-only", "reports").split("\n");
  const written = ["README.md", "monitor/state.json", "dashboard/index.html", "dashboard/status.json"];
  expect(paths).toEqual(expect.arrayContaining([...written, "dashboard/badge.svg"]));
  expect(slack.messages.length).toBeGreaterThan(0);
  expect(heartbeats.beats.length).toBeGreaterThan(0);
  expect(heartbeats.beats.filter((beat) => beat.endsWith("/fail"))).toEqual([]);
  // The called workflow took them from the branch, some steps later.
  expect(ended.output).toContain("Success - Main Deploy");
  const told = [ended.output, ...written.map((path) => git("show", `reports:${path}`)), JSON.stringify(slack.messages)];
  expectUntold(told.join("\n"), secrets, kept, [PLANTED_EMAIL]);
});

test("when the branch takes nothing it looks and tells all the same, and fails", async () => {
  const before = slack.messages.length;
  writeFileSync(join(checkout.origin, "hooks/pre-receive"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const ended = await run("702");
  expect(ended.output).toContain("Failure - Main Publish the reports");
  expect(ended.output).toMatch(/Main Monitor/);
  expect(ended.code).toBe(1);
  expect(slack.messages.length).toBeGreaterThan(before);
  expect(heartbeats.beats.at(-1)).toMatch(/\/fail$/);
  expectUntold(ended.output, secrets, kept, [PLANTED_EMAIL]);
});
