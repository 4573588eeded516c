import { GetObjectTaggingCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { loadOperations } from "../../actions/lib/operations/catalogue.ts";
import { checkPromises } from "../../actions/lib/operations/policy-check/promise-check.ts";
import { truthOf } from "../../actions/lib/report/branch/standing.ts";
import { archiveTagging } from "../../actions/lib/vault/bucket/lifecycle.ts";
import { isReplicated, replicationOf } from "../../actions/lib/vault/bucket/replication.ts";
import { askStanding } from "../../actions/lib/vault/configured.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "../faults/proxy/http-proxy.ts";
import { createProject, dropProject, type LabProject, withClient } from "../lab/index.ts";
import { replicate } from "../lab/replicate.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab, recordingLog } from "./backup-lab.ts";

/** The lab's store does not replicate: the vault's answers get a status by the proxy, the copies are the test's. */
let lab: BackupLab;
let source: LabProject;
let vault: HttpFaultProxy;
let replica: Vault;
let first: string;
const superuser = () => sharedPostgres(17).superuserUrl();
const always = { times: Number.POSITIVE_INFINITY };
const status = (value: string, url = /^\/[^/]+\/database\//) =>
  vault.replaceAnswerHeader({ method: "HEAD", url, ...always }, "x-amz-replication-status", value);

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  source = await createProject(superuser(), `replication_${process.pid}`);
  await withClient(source.postgresUrl, (client) => client.query("create table public.kept as select 1 as n"));
  const bucket = `${lab.bucket}-replica`;
  await sharedS3().createBucket(bucket);
  replica = openVault(sharedS3().bucketAccess(bucket));
  vault = await startHttpFaultProxy(sharedS3().endpoint);
  ({ set: first } = await backUp());
});
beforeEach(() => vault.clear());
afterAll(async () => {
  replica?.close();
  await vault?.[Symbol.asyncDispose]();
  if (source !== undefined) await dropProject(superuser(), source.name);
  await lab?.[Symbol.asyncDispose]();
});

const env = () => ({
  ...lab.env(source.backupUrl),
  ...{ AWS_ENDPOINT_URL: vault.url, S3_REPLICA_ENDPOINT_URL: sharedS3().endpoint },
  ...{ S3_REPLICA_BUCKET: replica.bucket, S3_REPLICA_REGION: "us-east-1" },
});

async function backUp(change: Record<string, string> = {}) {
  const log = recordingLog();
  const config = await loadConfig({ needs: ["source", "vault", "signing"], env: { ...env(), ...change } });
  return { ...(await runBackup({ tier: "monthly", config, log })), lines: log.lines };
}

async function copy(only?: (key: string) => boolean): Promise<void> {
  const client = sharedS3().client();
  await replicate({ client, bucket: lab.bucket }, { client, bucket: replica.bucket }, only);
}

async function tagsOf(id: string) {
  const Key = `database/monthly/${id}/01-schema.sql.zst.pgp`;
  const { TagSet } = await sharedS3()
    .client()
    .send(new GetObjectTaggingCommand({ Bucket: lab.bucket, Key }));
  return TagSet;
}

async function alarms(): Promise<readonly string[] | undefined> {
  return (await askStanding(await lab.config("", env()))).replica;
}

test("an archive stays in Standard while any object of it is not in the replica", async () => {
  expect(await tagsOf(first)).toEqual([]);
  status("PENDING");
  const { lines } = await backUp();
  expect(lines.find((line) => line.includes("Not in the replica yet"))).toContain(first);
  status("COMPLETED");
  await copy((key) => !key.endsWith("inventory.json.zst.pgp"));
  await backUp();
  expect(await tagsOf(first)).toEqual([]);
});

test("the next backup lets go of it when all of it is there, under its lock", async () => {
  status("COMPLETED");
  await copy();
  using open = openVault({ ...sharedS3().bucketAccess(lab.bucket), endpoint: vault.url });
  expect(isReplicated(await replicationOf({ vault: open, replica }, [`database/monthly/${first}/`]))).toBe(true);
  const { lines, set: last } = await backUp();
  expect(lines.find((line) => line.includes("free to leave Standard"))).toContain(first);
  expect(await tagsOf(first)).toEqual([{ Key: archiveTagging.key, Value: archiveTagging.value }]);
  // Its own copy is not there yet.
  expect(await tagsOf(last)).toEqual([]);
});

test("without a replica an archive is tagged as it is stored", async () => {
  const { set: alone } = await backUp({ S3_REPLICA_BUCKET: "" });
  expect(await tagsOf(alone)).toHaveLength(1);
  await copy();
});

test("a replica that does not answer holds up no backup, and no archive leaves Standard", async () => {
  const { set: made, warnings } = await backUp({ S3_REPLICA_ENDPOINT_URL: "http://127.0.0.1:9" });
  expect(await tagsOf(made)).toEqual([]);
  expect(warnings.join("\n")).toMatch(/replica/);
  await copy();
});

test.each([
  ["that S3 has given up on", "FAILED", /S3 has given up on replicating \d+ objects of set/],
  ["that is on its way for too long", "PENDING", /hours behind with \d+ objects of set .*; the policy allows 24/],
])("an object %s is an alarm in the summary's and the policy check's view", async (_, value, words) => {
  status(value);
  const day = new Date(Date.now() - 30 * 3_600_000).toUTCString();
  vault.replaceAnswerHeader({ method: "HEAD", url: /database/, ...always }, "last-modified", day);
  expect((await alarms())?.join("\n")).toMatch(words);
  const standing = await askStanding(await lab.config("", env()));
  const config = await lab.config("", env());
  const { findings } = await checkPromises(config, truthOf(standing));
  expect(
    findings
      .filter(({ name }) => name === "now.replica")
      .map(({ message }) => message)
      .join("\n"),
  ).toMatch(words);
});

test("a bucket without a replication rule, and a copy without its lock, are alarms too", async () => {
  expect((await alarms())?.join("\n")).toMatch(/no rule of the bucket's replication covers/);
  status("COMPLETED");
  expect(await alarms()).toEqual([]);
  const { set: made } = await backUp();
  const unlocked = `${lab.bucket}-unlocked`;
  await sharedS3().createBucket(unlocked, { lock: false });
  const client = sharedS3().client();
  for await (const { key } of lab.vault.list(`database/monthly/${made}/`)) {
    const { body, metadata } = await lab.vault.get(key);
    await openVault(sharedS3().bucketAccess(unlocked)).put(key, body, { metadata });
  }
  client.destroy();
  const standing = await askStanding(await lab.config("", { ...env(), S3_REPLICA_BUCKET: unlocked }));
  expect(standing.replica?.join("\n")).toMatch(/no lock, or a shorter one, on \d+ objects of set/);
});

test("a replica that cannot be asked is an alarm: silence is no replica", async () => {
  const standing = await askStanding(await lab.config("", { ...env(), S3_REPLICA_BUCKET: "no-such-bucket" }), {
    attempts: 1,
  });
  expect(standing.replica?.join("\n")).toMatch(/whether set \S+ \(monthly\) is in the replica cannot be told/);
});

test("settings of the replica that are wrong are an alarm, and take nothing else out of sight", async () => {
  const standing = await askStanding(await lab.config("", { ...env(), S3_REPLICA_REGION: "" }));
  expect(standing.replica).toEqual([
    expect.stringMatching(/ALARM: the replica cannot be looked at: .*S3_REPLICA_REGION/s),
  ]);
  expect(standing.sets.length).toBeGreaterThan(0);
});

test("a backup is refused before anything is read when the replica is in a region that the policy does not allow", async () => {
  await using elsewhere = await startHttpFaultProxy(sharedS3().endpoint);
  elsewhere.replaceAnswerHeader({ method: "HEAD", ...always }, "x-amz-bucket-region", "ap-south-1");
  await expect(backUp({ S3_REPLICA_ENDPOINT_URL: elsewhere.url })).rejects.toMatchObject({
    code: "preflight-failed",
    message: expect.stringMatching(/replica: region: .* is in ap-south-1; the policy allows us-east-1/),
  });
  expect(elsewhere.passed.every(({ method }) => method === "HEAD")).toBe(true);
});

test("`lifeboat check` shows the replica beside the vault, where it is, and what is not in it", async () => {
  const run = async (change: Record<string, string> = {}) => {
    const check = (await loadOperations()).find(({ name }) => name === "check");
    if (check === undefined) throw new Error("there is no check");
    const surrounded = { env: { ...env(), ...change }, log: silentLog, signal: new AbortController().signal };
    const { result } = await runOperation(check, {}, surrounded);
    return (result as { checks: { check: string; status: string; found: string }[] }).checks;
  };
  status("COMPLETED");
  await copy();
  const rows = await run({ LIFEBOAT_RUNNER_REGION: "us-east-1" });
  const of = (name: string) => rows.find(({ check }) => check === name);
  expect(of("replica")).toMatchObject({ status: "ok", found: expect.stringMatching(/^holds the \d+ newest sets/) });
  expect(of("replica: object lock")).toMatchObject({ status: "ok" });
  expect(of("runner")?.found).toContain("us-east-1");
  vault.clear();
  const behind = (await run({ RUNNER_ENVIRONMENT: "github-hosted" })).filter(({ status }) => status !== "ok");
  expect(behind).toContainEqual(
    expect.objectContaining({ check: "replica", found: expect.stringMatching(/no rule of the bucket's replication/) }),
  );
  expect((await run({ S3_REPLICA_BUCKET: "" })).find(({ check }) => check === "replica")).toMatchObject({
    ...{ status: "warn", found: expect.stringMatching(/none is set/) },
  });
});
