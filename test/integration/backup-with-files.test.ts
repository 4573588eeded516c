import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Log } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { Policy } from "../../actions/lib/config/policy/policy.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { findSnapshotFor } from "../../actions/lib/operations/restore-files/vault-snapshot.ts";
import { verifyFiles } from "../../actions/lib/operations/verify/files/verify-files.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { listSnapshots, readSnapshot } from "../../actions/lib/vault/files/snapshot-catalogue.ts";
import { readSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { watchedLog } from "../faults/table/watched-log.ts";
import { contentOf, type SeedFile, seedFiles } from "../lab/storage/index.ts";
import { openSyncLab, type SyncLab } from "./sync-lab.ts";

const seed = { count: 12, bytes: 120_000, seed: 3 };
let lab: SyncLab;
let files: SeedFile[];

beforeAll(async () => {
  lab = await openSyncLab();
  files = await seedFiles(lab.project, lab.storage, seed);
});
afterAll(() => lab?.[Symbol.asyncDispose]());

async function backUp(source: Partial<Policy["source"]> = {}, log: Log = lab.log) {
  const env = lab.env();
  const config = await loadConfig({ needs: ["source", "vault", "storageVault", "sourceStorage", "signing"], env });
  const policy = { ...config.policy, source: { ...config.policy.source, startOverMinutes: 0, ...source } };
  return runBackup({ tier: "daily", config: { ...config, policy }, log, files: { config, log: lab.log } });
}

const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.lab.signers);

test("a backup with files has both of one moment, and set and snapshot name each other", async () => {
  const result = await backUp();
  const snapshot = result.files?.set ?? "";
  const [set, stored] = await Promise.all([
    readSet(lab.lab.vault, "daily", result.set, verify),
    readSnapshot(lab.lab.vault, snapshot, verify),
  ]);
  expect(set.manifest.files).toEqual({ set: snapshot });
  expect(stored.manifest.databaseSet).toEqual({ tier: "daily", set: result.set });
  expect(stored.manifest.snapshotAt).toBe(set.manifest.snapshotAt);
  const { contents } = await lab.read(snapshot);
  expect(contents.size).toBe(12);
  for (const file of files)
    expect(contents.get(`${file.bucket}/${file.name}`)?.equals(contentOf(file, seed.seed))).toBe(true);
});

test("a backup that gives way to a migration starts over with its files, of the same later moment", async () => {
  await lab.sql("create table public.changing (id int)");
  const change = watchedLog(/^data$/, () => lab.sql("alter table public.changing add column late int"));
  const { set, files, warnings } = await backUp({ startOverMinutes: 2 }, change);
  expect(warnings.filter((warning) => warning.startsWith("Started over"))).toHaveLength(1);
  const { manifest } = await readSet(lab.lab.vault, "daily", set, verify);
  const stored = await readSnapshot(lab.lab.vault, files?.set ?? "", verify);
  expect(stored.manifest).toMatchObject({ databaseSet: { tier: "daily", set }, snapshotAt: manifest.snapshotAt });
  expect((await lab.read(stored.manifest.set)).contents.size).toBe(12);
});

test("when the backup fails after its files are published, that is told, and the snapshot is of use alone", async () => {
  await lab.sql("create table public.much as select n, repeat('x', 100) as filling from generate_series(1, 20000) n");
  const { set: before } = await backUp();
  await lab.sql("truncate public.much");
  await expect(backUp()).rejects.toMatchObject({ code: "shrunk" });
  const newest = (await listSnapshots(lab.lab.vault, verify))[0]?.manifest;
  const missing = newest?.databaseSet?.set ?? "";
  expect(lab.log.lines.filter((line) => line.includes(missing) && line.includes("did not make"))).toHaveLength(1);

  const options = { trustedSigners: lab.lab.signers, lockDays: 60, sets: lab.lab.vault };
  const verdict = await verifyFiles(lab.lab.vault, "latest", options, lab.log);
  expect(verdict.outcome).toBe("whole");
  expect(verdict.findings.map(({ code }) => code)).toContain("set-missing");
  expect(verdict.findings.find(({ code }) => code === "set-missing")?.what).toContain(missing);
  expect((await lab.read(newest?.set ?? "")).contents.size).toBe(12);
  // The set before it keeps the files of its own moment.
  const { manifest } = await readSet(lab.lab.vault, "daily", before, verify);
  const fitting = await findSnapshotFor(lab.lab.vault, manifest, verify);
  expect(fitting).toEqual({ set: manifest.files?.set, fit: "same" });
  const fine = await verifyFiles(lab.lab.vault, fitting.set, options, lab.log);
  expect(fine.findings.map(({ code }) => code)).not.toContain("set-missing");
});

test("when the files cannot be copied there is no set either", async () => {
  const before = await setsOf();
  await lab.sql("update storage.objects set metadata = metadata || '{\"size\": 9}'");
  lab.storage.inject({ kind: "internal-error", on: ({ operation }) => operation === "GetObject" });
  await lab.sql("update storage.objects set version = 'another-' || version");
  await expect(backUp()).rejects.toMatchObject({ code: "source-unavailable" });
  expect(await setsOf()).toEqual(before);
});

test("a set or a snapshot that somebody hid is said to be hidden, with the command, and no other takes its place", async () => {
  const { vault } = lab.lab;
  const [, tier = "", set = ""] = (await setsOf()).at(-1)?.split("/") ?? [];
  const { manifest } = await readSet(vault, "daily", set, verify);
  const snapshot = manifest.files?.set ?? "";
  const hide = (key: string) =>
    vault.transport.request({ operation: "DeleteObject" }, ({ client, bucket }) =>
      client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })),
    );
  await hide(`database/${tier}/${set}/manifest.json`);
  const options = { trustedSigners: lab.lab.signers, lockDays: 60, sets: vault };
  const { findings } = await verifyFiles(vault, snapshot, options, lab.log);
  const command = (prefix: string, of: string) =>
    new RegExp(`aws s3api delete-object --bucket ${vault.bucket} --key ${prefix}${of}/manifest.json --version-id \\S+`);
  const said = findings.find(({ code }) => code === "set-missing")?.what;
  expect(said).toMatch(/hidden .*somebody .*vault-meddled/);
  expect(said).toMatch(command(`database/${tier}/`, set));
  await hide(`snapshots/${snapshot}/manifest.json`);
  await expect(findSnapshotFor(vault, manifest, verify)).rejects.toMatchObject({
    code: "set-hidden",
    message: expect.stringContaining(snapshot),
    next: expect.stringMatching(command("snapshots/", snapshot)),
  });
});

async function setsOf(): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of lab.lab.vault.list("database/")) if (key.endsWith("/manifest.json")) found.push(key);
  return found;
}
