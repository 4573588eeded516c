import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { applyReplicaRetention } from "../../actions/lib/operations/retention/apply-replica.ts";
import { applyRetention } from "../../actions/lib/operations/retention/apply-retention.ts";
import { verifyFiles } from "../../actions/lib/operations/verify/files/verify-files.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { filesPrefixes } from "../../actions/lib/vault/format/names.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { newBucket } from "../faults/proxy/test-bucket.ts";
import { replicate } from "../lab/replicate.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { openShortLab } from "./retention-lab.ts";
import type { SyncLab } from "./sync-lab.ts";

const day = 86_400_000;
const begun = Date.now();
const at = (days: number): Date => new Date(begun + days * day);
let lab: SyncLab;
let replica: Vault;
/** Of the files, oldest first. */
const snapshots: string[] = [];

beforeAll(async () => {
  lab = await openShortLab({ bytes: 400_000 });
  replica = openVault(await newBucket({ lock: true }));
  const needs = ["source", "vault", "storageVault", "sourceStorage", "signing"] as const;
  for (const _ of [1, 2, 3]) {
    const config = await loadConfig({ needs, env: lab.env() });
    const files = { config, log: lab.log, acceptShrinkage: true };
    const made = await runBackup({ tier: "daily", config, log: lab.log, files });
    snapshots.push(made.files?.set ?? "");
    // What only the snapshots before it name.
    await lab.sql("delete from storage.objects where name in (select name from storage.objects order by name limit 3)");
  }
  await copy();
});
afterAll(async () => {
  replica?.close();
  await lab?.[Symbol.asyncDispose]();
});

async function copy(): Promise<void> {
  const client = sharedS3().client();
  await replicate({ client, bucket: lab.lab.bucket }, { client, bucket: replica.bucket });
  client.destroy();
}

const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.lab.signers);
const common = async (now: Date) => ({
  ...{ policy: (await lab.lab.config(lab.project.backupUrl)).policy, database: lab.lab.vault, files: lab.lab.vault },
  ...{ verify, verifyRelease: verify, dryRun: false, log: lab.log, now, storeTime: async () => now },
});
const retainReplica = async (now: Date) => applyReplicaRetention({ ...(await common(now)), replica });

/** Journals left out: once their snapshot is there nobody needs them, and they go on both sides as soon as they may. */
async function keysOf(vault: Vault): Promise<string[]> {
  const below = await Promise.all(filesPrefixes.map((prefix) => versionsBelow(vault.transport, prefix)));
  return [...new Set(below.flat().map(({ key }) => key))].filter((key) => !key.includes("/journal/")).sort();
}

test("snapshots and their packs go from the replica after the vault, and what is left is whole", async () => {
  const all = await keysOf(replica);
  await applyRetention(await common(at(4)));
  const left = await keysOf(lab.lab.vault);
  expect(left.length).toBeLessThan(all.length);
  await copy();
  await retainReplica(at(5));
  expect(await keysOf(replica)).toEqual(all);
  const done = await retainReplica(at(9));
  expect(done.files?.plan.go).toEqual(snapshots.slice(0, 2).sort());
  expect(await keysOf(replica)).toEqual(left);
  const options = { trustedSigners: lab.lab.signers, lockDays: 60 };
  expect(await verifyFiles(replica, "latest", options, lab.log)).toMatchObject({ outcome: "whole" });
});

test("what the vault still has is not removed from the replica, though no snapshot names it", async () => {
  const [run = ""] = snapshots;
  const [nobodys, lost] = [`packs/${run}/00090.tar.zst.pgp`, `packs/${run}/00091.tar.zst.pgp`];
  for (const key of [nobodys, lost]) await lab.lab.vault.put(key, Buffer.from("of a run that died"));
  await copy();
  await deleteVersions(lab.lab.vault.transport, await versionsBelow(lab.lab.vault.transport, lost));
  await retainReplica(at(20));
  const keys = await keysOf(replica);
  expect([keys.includes(nobodys), keys.includes(lost)]).toEqual([true, false]);
});
