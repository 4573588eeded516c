import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readVaultReports } from "../../actions/lib/operations/publish/vault-reports.ts";
import { noteVerifier } from "../../actions/lib/vault/configured.ts";
import { type HeartbeatServer, startHeartbeats } from "../lab/channels/heartbeat-server.ts";
import { type SlackServer, startSlack } from "../lab/channels/slack-server.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { compileCache } from "../runner/compile-cache.ts";
import { exportTree } from "../workflows/checkout.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";

/** A verb is one folder: all else follows from what it declares. */

const verb = `import { z } from "zod";
import { OperationError } from "../../base/errors.ts";
import { field, flag } from "../field.ts";
import { defineOperation } from "../operation.ts";

export default defineOperation({
  name: "hello",
  summary: "Says hello to somebody, and does nothing else.",
  inputs: z.object({
    who: field(z.string(), { positional: true, value: "name", help: "whom to greet" }),
    loud: flag("say it in capitals"),
  }),
  writes: [],
  runbook: "runbooks/backup-failed.md",
  runbookFor: ({ who }) => (who === "nobody" ? "runbooks/sync-failed.md" : "runbooks/backup-failed.md"),
  reported: { label: "Greeting", watched: true },
  action: { folder: "say-hello", name: "Say hello" },
  outputs: { greeting: "What was said" },
  async run({ log }, { who, loud }) {
    if (who === "nobody") throw new OperationError("nobody-there", "Nobody is there.", "Greet somebody.");
    log.info("About to greet.");
    const said = "Hello, " + (loud ? who.toUpperCase() : who) + ".";
    const page = { title: "Greeting", sentence: said, tables: [] };
    return { result: { said }, page, facts: { outcome: "greeted" }, outputs: { greeting: said } };
  },
});
`;

const home = mkdtempSync(join(tmpdir(), "lifeboat-new-verb-"));
const folder = join(home, "actions/lib/operations/hello");
let lab: BackupLab;
let slack: SlackServer;
let heartbeats: HeartbeatServer;
let env: Record<string, string>;

beforeAll(async () => {
  exportTree(home);
  mkdirSync(folder);
  writeFileSync(join(folder, "operation.ts"), verb);
  [lab, slack, heartbeats] = await Promise.all([openBackupLab(sharedS3()), startSlack(), startHeartbeats()]);
  env = {
    ...{ ...lab.env("postgres://nobody@127.0.0.1:9/none"), ...compileCache, HEARTBEAT_URL_HELLO: heartbeats.url },
    ...{ SLACK_BOT_TOKEN: slack.token, SLACK_CHANNEL: slack.channel, SLACK_API_URL: slack.apiUrl },
  };
  const written = await run("scripts/readme.ts");
  expect(written.code, written.said).toBe(0);
}, 120_000);
afterAll(async () => {
  await Promise.all([lab, slack, heartbeats].map((each) => each?.[Symbol.asyncDispose]()));
  rmSync(home, { recursive: true, force: true });
});

function run(script: string, args: readonly string[] = [], more: Record<string, string> = {}) {
  return new Promise<{ readonly code: number | string; readonly said: string }>((resolve) =>
    execFile(
      process.execPath,
      [join(home, script), ...args],
      { cwd: home, env: { ...env, ...more } },
      (error, ...out) => resolve({ code: error?.code ?? 0, said: out.join("\n") }),
    ),
  );
}
const lifeboat = (...args: string[]) => run("scripts/lifeboat.mjs", args);
const text = (path: string): string => readFileSync(join(home, path), "utf8");

async function reports() {
  const { reports: found } = await readVaultReports(
    lab.vault,
    await noteVerifier(await lab.config("postgres://nobody@127.0.0.1/none")),
  );
  return found.flatMap(({ operations }) => operations);
}

test("takes one file of forty lines at most", () => {
  expect(readdirSync(folder)).toEqual(["operation.ts"]);
  expect(verb.trimEnd().split("\n").length).toBeLessThanOrEqual(40);
});

test("is typed, and the pages and the action's files follow from it", async () => {
  const own = { extends: "./tsconfig.json", include: ["actions/lib/operations/hello"] };
  writeFileSync(join(home, "hello.tsconfig.json"), JSON.stringify(own));
  const types = await run("node_modules/typescript/bin/tsc", ["--project", "hello.tsconfig.json"]);
  expect(types.code, types.said).toBe(0);
  expect(text("README.md")).toContain(
    "| `lifeboat hello <name>` | Says hello to somebody, and does nothing else. | `--loud` |",
  );
  const action = text("actions/say-hello/action.yml");
  for (const part of ["name: Say hello", "  who:", "required: true", "  greeting:", "main: main.ts"])
    expect(action).toContain(part);
  expect(text("actions/say-hello/README.md")).toContain("| `loud` | true: say it in capitals | `false` |");
}, 120_000);

test("is a command, with its help and its place in the overview", async () => {
  expect((await lifeboat("--help")).said).toMatch(/^ {2}hello +Says hello to somebody/m);
  const help = await lifeboat("hello", "--help");
  expect(help.said).toContain("Usage: lifeboat hello <name> [options]");
  expect(help.said).toContain("--loud");
  expect(await lifeboat("hello")).toMatchObject({ code: 2, said: expect.stringContaining("'hello' needs <name>") });
});

test("leaves a report and a heartbeat by hand, and an alert with its label when it fails", async () => {
  expect(await lifeboat("hello", "Ada", "--loud")).toMatchObject({
    code: 0,
    said: expect.stringContaining("Hello, ADA."),
  });
  expect((await lifeboat("hello", "nobody")).code).toBe(1);
  expect(await reports()).toMatchObject([
    { operation: "hello", conclusion: "success", sentence: "Hello, ADA.", facts: { outcome: "greeted" } },
    { operation: "hello", failure: { code: "nobody-there", runbook: "runbooks/sync-failed.md" } },
  ]);
  expect(heartbeats.beats).toEqual(["/start", "/", "/start", "/fail"]);
  expect(JSON.stringify(slack.messages)).toContain("Greeting failed");
}, 60_000);

test("is an action, with its outputs and its page", async () => {
  const [output, summary] = [join(home, "output"), join(home, "summary")];
  for (const file of [output, summary]) writeFileSync(file, "");
  const inputs = { INPUT_WHO: "Ada", GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary };
  const ended = await run("actions/say-hello/main.ts", [], inputs);
  expect(ended.code, ended.said).toBe(0);
  expect(text("output")).toMatch(/greeting<<[\s\S]*Hello, Ada\./);
  expect(text("summary")).toContain("## Greeting");
});
