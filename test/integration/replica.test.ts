import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { lifeboat as command } from "../lab/command-line.ts";
import { createProject, dropProject, type LabProject, withClient } from "../lab/index.ts";
import { replicate } from "../lab/replicate.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type RunningStorage, seedFiles, startStorage } from "../lab/storage/index.ts";
import { addProject, startSupabaseApi } from "../lab/supabase-api/index.ts";
import { targetEnv } from "./files-lab.ts";
import { openSyncLab, type SyncLab } from "./sync-lab.ts";

/** Nothing listens there: the vault's region is lost. */
const nowhere = "http://127.0.0.1:9";
const superuser = () => sharedPostgres(17).superuserUrl();
let lab: SyncLab;
let target: LabProject;
let storage: RunningStorage;
let folder: string;
let bucket: string;
let set: string;
let snapshot: string;

beforeAll(async () => {
  lab = await openSyncLab();
  folder = await mkdtemp(join(tmpdir(), "lifeboat-replica-"));
  await seedFiles(lab.project, lab.storage, { count: 12, bytes: 120_000, seed: 3 });
  await withClient(lab.project.postgresUrl, (client) =>
    client.query("create table public.kept as select n, 'row ' || n as what from generate_series(1, 500) n"),
  );
  const config = await loadConfig({
    needs: ["source", "vault", "storageVault", "sourceStorage", "signing"],
    env: lab.env(),
  });
  const made = await runBackup({ tier: "daily", config, log: lab.log, files: { config, log: lab.log } });
  [set, snapshot] = [made.set, made.files?.set ?? ""];
  bucket = `${lab.lab.bucket}-replica`;
  await sharedS3().createBucket(bucket);
  const client = sharedS3().client();
  await replicate({ client, bucket: lab.lab.bucket }, { client, bucket });
  target = await createProject(superuser(), `replica_target_${process.pid}`);
  storage = await startStorage(target);
});
afterAll(async () => {
  await storage?.stop();
  if (target !== undefined) await dropProject(superuser(), target.name);
  if (folder !== undefined) await rm(folder, { recursive: true });
  await lab?.[Symbol.asyncDispose]();
});

/** The vault can take no entry of the audit trail either. */
const lost = ["--without-audit", "the vault is gone"];

async function lifeboat(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await command(args, {
    ...lab.env(),
    ...{ S3_REPLICA_BUCKET: bucket, S3_REPLICA_REGION: "us-east-1", S3_REPLICA_ENDPOINT_URL: sharedS3().endpoint },
    ...{ AWS_ENDPOINT_URL: nowhere, RESTORE_PRIVATE_KEY: lab.lab.operations.key.armor() },
    ...{ ...targetEnv(target, storage), LIFEBOAT_AUDIT_FOLDER: folder },
    ...env,
  });
  return { code, out: stdout, said: `${stdout}\n${stderr}` };
}

describe("with the vault out of reach, the replica", () => {
  test("lists its sets and snapshots, trusted by their signatures", async () => {
    const [sets, files] = await Promise.all([
      lifeboat(["list", "--from", "replica", "--json"]),
      lifeboat(["list", "--files", "--from", "replica", "--json"]),
    ]);
    expect(JSON.parse(sets.out)).toMatchObject({ bucket, sets: [{ set, signature: "verified" }] });
    expect(JSON.parse(files.out)).toMatchObject({ bucket, snapshots: [{ set: snapshot, signature: "verified" }] });
  });

  test("verifies a set and its files, deep, and writes nothing", async () => {
    using replica = openVault(sharedS3().bucketAccess(bucket));
    const before = await versionsBelow(replica.transport, "");
    const database = await lifeboat(["verify", "latest", "--deep", "--from", "replica", "--json"]);
    const files = await lifeboat(["verify", "latest", "--files", "--deep", "--from", "replica", "--json"]);
    expect([database.code, files.code], database.said + files.said).toEqual([0, 0]);
    expect(JSON.parse(files.out)).toMatchObject({ outcome: "whole" });
    expect(await versionsBelow(replica.transport, "")).toEqual(before);
  });

  test("restores the database with its files, and both are equal", async () => {
    const restored = await lifeboat(["restore", "latest", "--with-files", "--from", "replica", "--json", ...lost]);
    expect(restored.code, restored.said).toBe(0);
    expect(JSON.parse(restored.out)).toMatchObject({ set, outcome: "equal", files: { outcome: "equal" } });
    const proven = await lifeboat(["prove", set, "--with-files", "--from", "replica", "--json"]);
    expect(proven.code, proven.said).toBe(0);
  });

  test("gives back the files alone", async () => {
    const to = join(folder, "files");
    const restored = await lifeboat(["restore-files", snapshot, "--to", to, "--from", "replica", "--json", ...lost]);
    expect(restored.code, restored.said).toBe(0);
    expect(JSON.parse(restored.out)).toMatchObject({ outcome: "equal", counts: { chosen: 12, written: 12 } });
  });

  test("is read only when it is asked for: without that the vault is missed", async () => {
    const { code, said } = await lifeboat(["list"]);
    expect(code).toBe(1);
    expect(said).toContain("--from replica");
  });
});

test("a replica in a region that the policy does not allow is refused before anything is read", async () => {
  const { code, said } = await lifeboat(["list", "--from", "replica"], { S3_REPLICA_REGION: "ap-south-1" });
  expect(code).toBe(2);
  expect(said).toMatch(/is in ap-south-1; the policy allows us-east-1/);
});

test("a target whose project lies elsewhere, as the Management API tells, is refused before anything is written", async () => {
  const ref = "abcdefghijklmnopqrst";
  await using api = await startSupabaseApi();
  addProject(api.world, { ref, region: "ap-south-1" });
  const settings = { SUPABASE_ACCESS_TOKEN: api.token, SUPABASE_API_URL: api.url, TARGET_PROJECT_REF: ref };
  for (const verb of [
    ["restore", set],
    ["restore-files", snapshot],
  ]) {
    const { code, said } = await lifeboat([...verb, "--from", "replica", ...lost], settings);
    expect(code, said).toBe(2);
    expect(said).toMatch(new RegExp(`Project ${ref} is in ap-south-1; the policy allows us-east-1`));
  }
});

test("whatever stands in for the vault is never written, whoever tries", async () => {
  using replica = openVault({ ...sharedS3().bucketAccess(bucket), readOnly: true });
  await expect(replica.put("database/x", Buffer.from("x"))).rejects.toMatchObject({ code: "read-only", exitCode: 2 });
  await expect(replica.head("database/x")).resolves.toBeUndefined();
});
