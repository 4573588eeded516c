import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { verifyFiles } from "../../actions/lib/operations/verify/files/verify-files.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { listSnapshots } from "../../actions/lib/vault/files/snapshot-catalogue.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { startHttpFaultProxy } from "../faults/proxy/http-proxy.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { PLANTED_NAME, type RunningStorage, seedFiles, startStorage, storageSettings } from "../lab/storage/index.ts";
import type { ActRun } from "./checkout.ts";
import { awayFromMidnight, expectUntold, openWorkflowLab, type WorkflowLab } from "./workflow-lab.ts";

/** The files' workflow as act runs it: one runner, four of them, one of the four lost. */

const count = 40;
/** A run of several jobs starts a dozen processes: the time for what may be a busy machine. */
const patience = 360_000;
let workflows: WorkflowLab;
let storage: RunningStorage;

beforeAll(async () => {
  await awayFromMidnight();
  workflows = await openWorkflowLab("workflow_sync");
  storage = await startStorage(workflows.project);
  await seedFiles(workflows.project, storage, { count, bytes: 200_000, seed: 5 });
});
afterAll(async () => {
  await storage?.stop();
  await workflows?.[Symbol.asyncDispose]();
});

/** Somebody's repository with its own bucket, whose runners can do so many files each. */
async function repository(bucket: string, filesPerRunner: number) {
  const vault = await workflows.newVault(bucket);
  const checkout = workflows.repository({ policy: { storage: { fanOut: { filesPerRunner, mostRunners: 4 } } } });
  const secrets = { ...workflows.secrets, S3_STORAGE_BUCKET: bucket, ...storageSettings(storage) };
  const run = (runId: string, change: Record<string, string> = {}): Promise<ActRun> =>
    checkout.run("backup", {
      vars: { LIFEBOAT_LEAVE_OUT: "daily weekly monthly kit" },
      ...{ name: "schedule", env: { ...workflows.runner, GITHUB_RUN_ID: runId }, secrets: { ...secrets, ...change } },
    });
  const snapshots = () =>
    listSnapshots(vault, (bytes, armored) => verifyDetached(bytes, armored, workflows.lab.signers));
  return { vault, run, snapshots, secrets };
}

async function expectWhole(vault: Vault): Promise<void> {
  const { signers, operations } = workflows.lab;
  const deep = { privateKey: operations, readers: [], share: 1 };
  const verdict = await verifyFiles(vault, "latest", { trustedSigners: signers, lockDays: 60, deep }, silentLog);
  expect(verdict).toMatchObject({ outcome: "whole", opened: { share: 1 } });
  expect(verdict.counts.files).toBe(count);
}

function expectNoSecret({ output }: ActRun, secrets: Readonly<Record<string, string>>): void {
  const ofVault = ["BACKUP_SIGNING_KEY", "BACKUP_SIGNING_PASSPHRASE", "AWS_SECRET_ACCESS_KEY"];
  const ofSource = ["DATABASE_URL", "SUPABASE_STORAGE_SECRET_ACCESS_KEY"];
  expectUntold(output, secrets, [...ofVault, ...ofSource], [PLANTED_NAME]);
}

const reads = (): number => storage.answered.filter(({ operation }) => operation === "GetObject").length;

test(
  "one runner does it all when it can, and a later attempt of the day does nothing",
  async () => {
    const { vault, run, snapshots, secrets } = await repository(`sync-one-${process.pid}`, 1000);
    const first = await run("11");
    expect(first.output).toMatch(/Job succeeded/);
    expect(first.code).toBe(0);
    await expectWhole(vault);
    const [snapshot, ...none] = await snapshots();
    expect(none).toEqual([]);
    const second = await run("12");
    expect(second.output).toContain(snapshot?.set);
    expect(second.code).toBe(0);
    expect(await snapshots()).toHaveLength(1);
    for (const each of [first, second]) expectNoSecret(each, secrets);
  },
  patience,
);

test(
  "four runners share a copy, and one snapshot is made of it",
  async () => {
    const { vault, run, snapshots, secrets } = await repository(`sync-four-${process.pid}`, 10);
    const before = reads();
    const ended = await run("21");
    expect(ended.output).toMatch(/Copy part 4/);
    expect(ended.code).toBe(0);
    expect(reads() - before).toBe(count);
    expect(await snapshots()).toHaveLength(1);
    await expectWhole(vault);
    expectNoSecret(ended, secrets);
  },
  patience,
);

test(
  "a part that fails commits nothing, and the next attempt copies what it lacks alone",
  async () => {
    const { vault, run, snapshots, secrets } = await repository(`sync-lost-${process.pid}`, 10);
    await using proxy = await startHttpFaultProxy(sharedS3().endpoint);
    // One of the parts cannot note what it has copied.
    const trap = proxy.answer({ method: "PUT", url: /journal/, times: 1 }, 403, "AccessDenied");
    const failed = await run("31", { AWS_ENDPOINT_URL: proxy.url });
    expect(failed.code).toBe(1);
    expect(failed.output).toMatch(/::error::Not every part of the copy came to its end\. No snapshot was made/);
    expect(failed.output).toMatch(/runbooks\/sync-failed\.md/);
    expect(trap.hits).toBe(1);
    expect(await snapshots()).toEqual([]);

    const before = reads();
    const again = await run("31");
    expect(again.code).toBe(0);
    // What the others had copied stands in their journals.
    expect(reads() - before).toBeGreaterThan(0);
    expect(reads() - before).toBeLessThan(count / 2);
    expect(await snapshots()).toHaveLength(1);
    await expectWhole(vault);
    for (const each of [failed, again]) expectNoSecret(each, secrets);
  },
  patience,
);
