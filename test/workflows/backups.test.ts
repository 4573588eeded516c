import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { listSets } from "../../actions/lib/vault/sets/catalogue.ts";
import { keysIn } from "../integration/backup-lab.ts";
import { PLANTED_EMAIL, seedQimma } from "../lab/index.ts";
import type { ActRun, Checkout, Event } from "./checkout.ts";
import { awayFromMidnight, expectUntold, openWorkflowLab, type WorkflowLab } from "./workflow-lab.ts";

/** The scheduled sets as act makes them: a copy of this tree, secrets in a file, and then a look into the vault. */

const tiers = [
  ["daily", /^data\//],
  ["weekly", /^json\/public\..*\.ndjson/],
  ["monthly", /^99-schema\.sql/],
] as const;

let workflows: WorkflowLab;
let checkout: Checkout;

beforeAll(async () => {
  await awayFromMidnight();
  workflows = await openWorkflowLab("workflows");
  await seedQimma(workflows.project.postgresUrl, { bytes: 300_000, seed: 4 });
  checkout = workflows.repository();
});
afterAll(() => workflows?.[Symbol.asyncDispose]());

const ownBucket = (name: string) => workflows.newVault(`backups-${name}-${process.pid}`);

const allBut = (work: string): string =>
  ["daily", "files", "weekly", "monthly", "kit"].filter((each) => each !== work).join(" ");

/** @param leaveOut works that are not tried */
function run(leaveOut: string, change: Partial<Event>): Promise<ActRun> {
  const { runner, secrets } = workflows;
  const event = { name: "schedule", env: runner, ...change, secrets: { ...secrets, ...change.secrets } } as const;
  return checkout.run("backup", { ...event, vars: { LIFEBOAT_LEAVE_OUT: leaveOut } });
}

function expectNoSecret({ output }: ActRun, more: readonly string[] = []): void {
  const kept = ["BACKUP_SIGNING_KEY", "DATABASE_URL", "BACKUP_SIGNING_PASSPHRASE", "AWS_SECRET_ACCESS_KEY"];
  expectUntold(output, workflows.secrets, kept, [...more, PLANTED_EMAIL]);
}

test("makes one whole set of each tier and a rescue kit, and a later attempt none", async () => {
  const vault = await ownBucket("due");
  const secrets = { S3_BACKUP_BUCKET: vault.bucket };
  const first = await run("files", { secrets });
  expect(first.code, first.output).toBe(0);
  const made = await Promise.all(tiers.map(([tier]) => listSets(vault, { tier })));
  for (const [index, [tier, artifact]] of tiers.entries()) {
    const [set, ...none] = made[index] ?? [];
    expect(none).toEqual([]);
    const options = { trustedSigners: workflows.lab.signers, deep: true, privateKey: workflows.lab.operations };
    const verdict = await verifySet(vault, { tier, set: set?.set ?? "" }, options, silentLog);
    expect(verdict).toMatchObject({ outcome: "whole", findings: [] });
    const prefix = setPrefix(tier, set?.set ?? "");
    const names = (await keysIn(vault, prefix)).map((key) => key.slice(prefix.length));
    expect(names).toContainEqual(expect.stringMatching(artifact));
  }

  const second = await run("files", { name: "workflow_dispatch", secrets });
  for (const [set] of made) expect(second.output).toContain(` already: ${set?.set}`);
  expect(second.code).toBe(0);
  expect(await Promise.all(tiers.map(([tier]) => listSets(vault, { tier })))).toEqual(made);
  expect(await keysIn(vault, "kit/")).toHaveLength(3);
  for (const each of [first, second]) expectNoSecret(each);
}, 300_000);

describe.concurrent("a backup that can't be made fails its job and names the page to read", () => {
  const annotation = /::error[^\n]*runbooks\/backup-failed\.md/;

  test("when the bucket is not there", async () => {
    const ended = await run(allBut("daily"), { secrets: { S3_BACKUP_BUCKET: "nowhere-to-be-found" } });
    expect(ended.output).toMatch(annotation);
    expect(ended.output).toMatch(/::error::A check failed; nothing was written[^\n]*bucket/);
    expect(ended.output).toMatch(/Job failed/);
    expect(ended.code).toBe(1);
    expectNoSecret(ended);
  });

  test("when the password is wrong, which it doesn't tell", async () => {
    const url = new URL(workflows.project.backupUrl);
    url.password = randomBytes(12).toString("hex");
    const ended = await run(allBut("weekly"), { secrets: { DATABASE_URL: url.href } });
    expect(ended.output).toMatch(annotation);
    expect(ended.code).toBe(1);
    expect(ended.output).toMatch(/::error[^\n]*the password or the user is wrong/);
    expectNoSecret(ended, [url.password]);
  });

  test("when it could not even begin", async () => {
    const ended = await run(allBut("monthly"), { env: { LIFEBOAT_PG_BIN: "/nowhere" } });
    expect(ended.output).toMatch(annotation);
    expect(ended.code).toBe(1);
    expectNoSecret(ended);
  });

  afterAll(async () => {
    const keys = await keysIn(workflows.lab.vault);
    // Nothing but the reports of how they failed, and their trail.
    expect(keys.filter((key) => !/^(?:reports|audit)\//.test(key))).toEqual([]);
    expect(keys).toContainEqual(expect.stringMatching(/^reports\/.*-backup\.weekly-backup-[0-9a-f]{8}\.json$/));
  });
});

test("the button makes another set when it is told to, and what fails keeps nothing else from being done", async () => {
  const vault = await ownBucket("button");
  const config = await workflows.lab.config(workflows.project.backupUrl, { S3_BACKUP_BUCKET: vault.bucket });
  await runBackup({ tier: "daily", config, log: silentLog });
  const inputs = { another: "daily" };
  // Nobody said where the files are.
  const ended = await run("monthly", {
    ...{ name: "workflow_dispatch", inputs, secrets: { S3_BACKUP_BUCKET: vault.bucket } },
  });
  expect(ended.output).toMatch(/::error[^\n]*runbooks\/sync-failed\.md/);
  expect(ended.code).toBe(1);
  const made = await Promise.all(tiers.map(async ([tier]) => (await listSets(vault, { tier })).length));
  expect(made).toEqual([2, 1, 0]);
});

test("a branch that nobody has reviewed gets no backup and no keys", async () => {
  const { secrets, runner } = workflows;
  const other = workflows.repository({ branch: "somebody-s" });
  const ended = await other.run("backup", { name: "workflow_dispatch", secrets, env: runner });
  expect(ended.code).toBe(0);
  expect(ended.output).not.toContain("Run Main");
  expect((await keysIn(workflows.lab.vault)).filter((key) => key.startsWith("database/"))).toEqual([]);
});
