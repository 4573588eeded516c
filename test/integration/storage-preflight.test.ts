import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { CheckRow } from "../../actions/lib/operations/check/check-row.ts";
import { runStoragePreflight } from "../../actions/lib/operations/check/run-storage-preflight.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { createProject, type LabProject, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type RunningStorage, startStorage, storageSettings } from "../lab/storage/index.ts";
import { type BackupLab, keysIn, openBackupLab } from "./backup-lab.ts";

const name = `storage_preflight_${process.pid}`;
let lab: BackupLab;
let own: RunningPostgres;
let project: LabProject;
let storage: RunningStorage;
const unlocked = `unlocked-${process.pid}`;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  // Its own cluster: a role is made here, and roles of the shared one show in everybody's comparisons.
  own = await startPostgres(17);
  project = await createProject(own.superuserUrl(), name);
  storage = await startStorage(project);
  await withClient(project.postgresUrl, (client) =>
    client.query("insert into storage.buckets (id, name) values ('exam-files', 'exam-files'), ('results', 'results')"),
  );
  await sharedS3().createBucket(unlocked, { lock: false });
});
afterAll(async () => {
  await storage?.stop();
  await own?.stop();
  await lab?.[Symbol.asyncDispose]();
});

async function look(change: Record<string, string> = {}, buckets?: readonly string[]): Promise<readonly CheckRow[]> {
  const env = {
    ...{ ...lab.env(project.backupUrl), S3_STORAGE_BUCKET: lab.bucket },
    ...storageSettings(storage),
    ...change,
  };
  const config = await loadConfig({ needs: ["source", "storageVault", "sourceStorage", "signing"], env });
  using vault = openVault(config.storageVault);
  const { rows, ready } = await runStoragePreflight({ config, vault, log: silentLog, buckets });
  expect(ready === undefined).toBe(rows.some(({ status }) => status === "fail"));
  return rows;
}

const failures = (rows: readonly CheckRow[]) => rows.filter(({ status }) => status === "fail");

test("all is well with a project that has buckets, and a small probe alone is left in the vault", async () => {
  const rows = await look({}, ["exam-files"]);
  expect(failures(rows)).toEqual([]);
  const checks = rows.map(({ check }) => check);
  expect(checks).toEqual(expect.arrayContaining(["files: endpoint", "files: rows", "files: object lock"]));
  expect(await keysIn(lab.vault)).toEqual(["probe/write.txt"]);
});

test.each([
  ["a wrong key", { SUPABASE_STORAGE_SECRET_ACCESS_KEY: "wrong" }],
  ["an unknown key", { SUPABASE_STORAGE_ACCESS_KEY_ID: "nobody" }],
  ["a wrong region", { SUPABASE_STORAGE_REGION: "ap-south-1" }],
])("%s is told apart from an endpoint that is away, and which settings it is", async (_, change) => {
  const [row, ...others] = failures(await look(change));
  expect(others).toEqual([]);
  expect(row).toMatchObject({
    check: "files: endpoint",
    found: expect.stringMatching(/refuses the access key or the region/),
    next: expect.stringContaining("SUPABASE_STORAGE_REGION"),
  });
});

test("an endpoint that nobody answers at is named", async () => {
  const [row] = failures(await look({ SUPABASE_STORAGE_ENDPOINT: "http://127.0.0.1:1/storage/v1/s3" }));
  expect(row).toMatchObject({ check: "files: endpoint", found: expect.stringContaining("cannot be reached") });
});

test("a bucket of the policy that is not there is named", async () => {
  const [row] = failures(await look({}, ["exam-files", "student-submissions"]));
  expect(row).toMatchObject({ check: "files: rows", found: expect.stringContaining("student-submissions") });
});

test("a storage vault without object lock, and one that is not there, are refused", async () => {
  const [lock] = failures(await look({ S3_STORAGE_BUCKET: unlocked }));
  expect(lock?.check).toBe("files: object lock");
  const [bucket] = failures(await look({ S3_STORAGE_BUCKET: `no-vault-of-files-${process.pid}` }));
  expect(bucket?.check).toBe("files: bucket");
});

test("a database without Storage, and a role that may not read it, are told", async () => {
  const bare = new URL(project.superuserUrl);
  bare.pathname = "/postgres";
  expect(failures(await look({ DATABASE_URL: bare.href }))).toMatchObject([
    { check: "files: rows", found: "the database has no storage.objects" },
  ]);
  const role = `storage_blind_${process.pid}`;
  await withClient(project.superuserUrl, (client) => client.query(`create role ${role} login password 'blind'`));
  try {
    const blind = new URL(project.backupUrl);
    blind.username = role;
    blind.password = "blind";
    const [row] = failures(await look({ DATABASE_URL: blind.href }));
    expect(row).toMatchObject({ check: "files: rows", found: expect.stringContaining("may not read") });
  } finally {
    await withClient(project.superuserUrl, (client) => client.query(`drop role ${role}`));
  }
});
