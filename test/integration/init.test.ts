import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Asker } from "../../actions/lib/base/ask.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { init } from "../../actions/lib/operations/init/run-init.ts";
import { codeOwnerProblems } from "../../scripts/check/code-owners.ts";
import { lifeboat } from "../lab/command-line.ts";
import { type LabCheckout, openCheckout, writeAnswers } from "./checkout-lab.ts";

let checkout: LabCheckout;
beforeEach(() => {
  checkout = openCheckout("ada/backups");
});
afterEach(() => checkout[Symbol.dispose]());

const files = ["lifeboat.config.ts", ".github/CODEOWNERS", ".env"];
const state = () =>
  JSON.stringify([
    files.map((path) => (existsSync(join(checkout.folder, path)) ? checkout.read(path) : null)),
    readdirSync(join(checkout.folder, ".github/keys")),
    existsSync(checkout.keys) ? readdirSync(checkout.keys) : null,
  ]);
const run = (more: Readonly<Record<string, unknown>> = {}, ...args: string[]) =>
  lifeboat(["init", "--answers", writeAnswers(checkout, more), ...args], {});
const steps = (stdout: string) => stdout.split("Left for you:")[1]?.match(/^ {2}\d+\. /gm)?.length;

test("the answers become the policy, keys, settings and owners, and again nothing changes", async () => {
  const before = state();
  const rehearsed = await run({}, "--dry-run");
  expect(rehearsed).toMatchObject({ code: 0, stdout: expect.stringContaining("Dry run") });
  expect(state()).toBe(before);

  const done = await run();
  expect(done.stderr).toBe("");
  // With the one that has brought us here, five.
  expect(steps(done.stdout)).toBe(4);
  const { policy } = await loadConfig({ needs: [], env: {} });
  expect(policy).toMatchObject({
    ...{ project: { name: "ada" }, regions: ["us-east-1"] },
    promises: { supabase: { plan: "pro", region: "us-east-1", pitrDays: null }, vault: { replicaRegion: null } },
    ...{ tiers: { daily: { retentionDays: 30 } }, restoreTest: { projectRef: "bcdefghijklmnopqrstu" } },
  });
  expect(Object.values(policy.keys.recipients).every((pin) => /^[0-9A-F]{40}$/.test(pin ?? ""))).toBe(true);
  expect(policy.keys.signing).toHaveLength(1);
  expect(await lifeboat(["keys", "check"], {})).toMatchObject({ code: 0 });
  const env = checkout.read(".env");
  expect(env).toContain("S3_BACKUP_BUCKET='ada-abcdefghijklmnopqrst-database'\n");
  expect(env).toContain("GITHUB_REPOSITORY='ada/backups'\n");
  expect(env).toContain("DATABASE_URL=''\n");
  expect(statSync(join(checkout.folder, ".env")).mode & 0o777).toBe(0o600);
  expect(checkout.read(".github/CODEOWNERS")).toMatch(/^\/\.github\/keys\/ +@ada @grace$/m);
  expect(checkout.read(".github/CODEOWNERS")).not.toMatch(/^[^#].*@qimma/m);
  expect(codeOwnerProblems(checkout.folder)).toEqual([]);
  expect(readdirSync(checkout.keys).filter((name) => name.endsWith(".private.asc"))).toHaveLength(4);

  const made = state();
  expect(await run()).toMatchObject({ code: 0, stdout: expect.stringContaining("Everything was there already.") });
  expect(state()).toBe(made);
}, 60_000);

test("a run that was interrupted is gone on with: what it made is kept, what it had not made is made", async () => {
  const template = checkout.read("lifeboat.config.ts");
  await run();
  const keys = readdirSync(checkout.keys);
  const [policy, key] = [checkout.read("lifeboat.config.ts"), checkout.read(".github/keys/prover.asc")];
  // It ended between the keys and their pins, and before the settings.
  writeFileSync(join(checkout.folder, "lifeboat.config.ts"), template);
  rmSync(join(checkout.folder, ".env"));
  rmSync(join(checkout.folder, ".github/keys/escrow.asc"));
  for (const name of keys.filter((one) => one.startsWith("escrow"))) rmSync(join(checkout.keys, name));
  const { stdout, code } = await run();
  expect(code, stdout).toBe(0);
  expect(stdout).toContain("keys: escrow;");
  expect(checkout.read(".github/keys/prover.asc")).toBe(key);
  const pinned = (text: string) => /prover: "(\w+)"/.exec(text)?.[1];
  expect(pinned(checkout.read("lifeboat.config.ts"))).toBe(pinned(policy));
  expect(await lifeboat(["keys", "check"], {})).toMatchObject({ code: 0 });
  // Somebody else's key is never pinned.
  writeFileSync(join(checkout.folder, "lifeboat.config.ts"), template);
  rmSync(join(checkout.keys, "prover.private.asc"));
  const before = state();
  expect(await run()).toMatchObject({ code: 2, stderr: expect.stringContaining("its private half is not in") });
  expect(state()).toBe(before);
}, 60_000);

test("what somebody has set is overwritten only when that is said", async () => {
  await run();
  const value = `${checkout.read(".env")}SLACK_CHANNEL='C1'\n`.replace(
    "DATABASE_URL=''",
    "DATABASE_URL='postgresql://mine'",
  );
  writeFileSync(join(checkout.folder, ".env"), value);
  const before = state();
  const other = { dailyDays: 14, reviewers: "@grace", databaseBucket: "another-bucket" };
  const refused = await run(other);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  for (const what of ["the answers in the policy", "S3_BACKUP_BUCKET in .env", "the owners in CODEOWNERS"])
    expect(refused.stderr).toContain(what);
  expect(state()).toBe(before);
  expect(await run(other, "--overwrite")).toMatchObject({ code: 0 });
  expect(checkout.read(".env")).toContain("S3_BACKUP_BUCKET='another-bucket'\n");
  expect(checkout.read(".env")).toContain("DATABASE_URL='postgresql://mine'\n");
  expect(checkout.read(".env")).toContain("SLACK_CHANNEL='C1'\n");
  expect(checkout.read(".github/CODEOWNERS")).toMatch(/^\/\.github\/keys\/ +@grace$/m);
  expect((await loadConfig({ needs: [], env: {} })).policy.tiers.daily.retentionDays).toBe(14);
}, 60_000);

test.each([
  [{ projectRef: "short", reviewers: "ada" }, /projectRef: the twenty letters.*reviewers: e\.g\. @ada/],
  [{ project: undefined }, /project is missing/],
  [{ replicaRegion: "us-east-1" }, /in another region than the vault/],
  [{ filesBucket: "ada-abcdefghijklmnopqrst-database" }, /each bucket needs a name of its own/],
  [{ plan: "gold", colour: "blue" }, /plan: .*colour is no question/],
  [{ keys: "." }, /one careless commit would publish them/],
])("answers %o are refused by name before anything is written", async (answers, words) => {
  const before = state();
  const { code, stderr } = await run(answers);
  expect(code).toBe(2);
  expect(stderr.replaceAll("\n", " ")).toMatch(words);
  expect(state()).toBe(before);
});

test("another folder and a missing terminal are refused", async () => {
  expect(await lifeboat(["init"], {})).toMatchObject({ code: 2, stderr: expect.stringContaining("--answers FILE") });
  writeFileSync(join(checkout.folder, "package.json"), '{"name":"shop"}');
  expect(await run()).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("not the root of a checkout of Lifeboat"),
  });
});

test("a person is asked seventeen short questions, and again when an answer does not fit; an empty line means what is there", async () => {
  const given: Record<string, string[]> = {
    "Short name of the project": ["Ada's", "ada"],
    "Ref of the Supabase project (https://<ref>.supabase.co)": ["abcdefghijklmnopqrst"],
    "Its region": ["eu-central-1"],
    "Who has to agree to changes of keys, and to restores (@user or @organization/team)": ["@ada"],
    "Address that is told when backups stop": ["ada@example.com"],
  };
  const asked: string[] = [];
  const said: string[] = [];
  const asker: Asker = {
    async ask(question, fallback) {
      asked.push(question);
      if (question.startsWith("Folder")) return checkout.keys;
      return given[question]?.shift() ?? fallback ?? "";
    },
    hidden: () => Promise.reject(new Error("no secret is asked for")),
    say: (line) => void said.push(line),
  };
  const context = new Context({
    ...{ config: await loadConfig({ needs: [], env: {} }), log: silentLog, signal: new AbortController().signal },
    run: { workflow: "by-hand", runId: "1", attempt: 1, url: null, event: "by-hand" },
  });
  await init(context, { overwrite: false, dryRun: false }, asker);
  expect(said).toEqual(["That does not fit: up to 31 small letters, digits and hyphens."]);
  expect(new Set(asked).size).toBe(17);
  expect((await loadConfig({ needs: [], env: {} })).policy).toMatchObject({
    ...{ project: { name: "ada" }, regions: ["eu-central-1"] },
    promises: { vault: { region: "eu-central-1", replicaRegion: null } },
  });
}, 60_000);
