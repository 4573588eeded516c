import { afterAll, beforeAll, expect, test } from "vitest";
import { runBackup } from "../../actions/lib/backup/run-backup.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { verifyDetached } from "../../actions/lib/seal/signature.ts";
import { readSet } from "../../actions/lib/vault/set-store.ts";
import { readSnapshot } from "../../actions/lib/vault/snapshot/snapshot-store.ts";
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

async function backUp() {
  const env = lab.env();
  const config = await loadConfig({ needs: ["source", "vault", "storageVault", "sourceStorage", "signing"], env });
  return runBackup({ tier: "daily", config, log: lab.log, files: { config, log: lab.log } });
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

test("when the files cannot be copied there is no set either", async () => {
  const before = await setsOf();
  await lab.sql("update storage.objects set metadata = metadata || '{\"size\": 9}'");
  lab.storage.inject({ kind: "internal-error", on: ({ operation }) => operation === "GetObject" });
  await lab.sql("update storage.objects set version = 'another-' || version");
  await expect(backUp()).rejects.toMatchObject({ code: "source-unavailable" });
  expect(await setsOf()).toEqual(before);
});

async function setsOf(): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of lab.lab.vault.list("database/")) if (key.endsWith("/manifest.json")) found.push(key);
  return found;
}
