import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { readVaultTruth } from "../../actions/lib/runtime/vault-truth.ts";
import { readPrivateKey } from "../../actions/lib/seal/private-key.ts";
import { signDetached } from "../../actions/lib/seal/signature.ts";
import { setPrefix } from "../../actions/lib/vault/manifest.ts";
import { type Proof, proofSchema } from "../../actions/lib/vault/proof.ts";
import { encodeProof, writeProof } from "../../actions/lib/vault/proof-store.ts";
import { manifestHash } from "../../actions/lib/vault/proven.ts";
import { encodeManifest, publish } from "../../actions/lib/vault/set-store.ts";
import { setId, storeUnpublished } from "../faults/proxy/test-manifest.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";

let lab: BackupLab;
let env: Record<string, string>;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3(), { lock: false });
  env = lab.env("postgresql://lifeboat@127.0.0.1:1/x");
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const truth = async (more: Record<string, string> = {}) =>
  readVaultTruth(await loadConfig({ needs: ["vault"], env: { ...env, ...more } }));

/** A set in the vault, as of an hour after some day. */
async function makeSet(hours: number, trusted: boolean): Promise<{ set: string; snapshotAt: string }> {
  const set = setId(hours);
  const snapshotAt = new Date(Date.UTC(2026, 0, 1, hours)).toISOString();
  const manifest = { ...(await storeUnpublished(lab.vault, "daily", set)), snapshotAt };
  const signing = await readPrivateKey(env["BACKUP_SIGNING_KEY"] ?? "", env["BACKUP_SIGNING_PASSPHRASE"]);
  const bytes = encodeManifest(manifest);
  const signature = await signDetached(bytes, trusted ? signing : lab.operations);
  await publish(lab.vault, manifest, bytes, signature, { lease: { assertHeld: async () => {} } });
  return { set, snapshotAt };
}

async function prove(set: string, snapshotAt: string): Promise<Proof> {
  const proof = proofSchema.parse({
    ...{ format: "lifeboat-proof/1", proof: setId(500), set, tier: "daily", snapshotAt, turn: "newest" },
    manifestSha256: await manifestHash(lab.vault, "daily", set),
    ...{ startedAt: "2026-01-21T20:00:00Z", finishedAt: "2026-01-21T21:00:00Z", outcome: "proven" },
    target: { name: "staging", projectRef: "ref", kind: "supabase", serverVersion: "17.1" },
    software: { lifeboat: "0", node: "24" },
    counts: { objects: 1, tables: 1, rows: "1", foreignKeysChecked: 0, databaseBytes: "1", storedBytes: "1" },
    differences: { failed: 0, expected: 0, unverified: 0 },
    ...{ files: null, checks: [], performance: [], defect: null, stages: [], restoreSeconds: 77, totalSeconds: 99 },
  });
  const bytes = encodeProof(proof);
  await writeProof(lab.vault, proof, bytes, await signDetached(bytes, lab.prover), null);
  return proof;
}

test("an empty vault has nothing, and files are asked for only where their vault is named", async () => {
  expect(await truth()).toEqual({ newestSetAt: undefined, proven: undefined, newestFilesAt: null });
  expect(await truth({ S3_STORAGE_BUCKET: lab.bucket })).toMatchObject({ newestFilesAt: undefined });
});

test("the newest trusted set and the newest proof are what is true", async () => {
  const older = await makeSet(100, true);
  const newer = await makeSet(200, true);
  // Signed by a key that signs no sets: it counts as none.
  await makeSet(300, false);
  await prove(older.set, older.snapshotAt);
  // Nobody signed it, and nothing lies behind it.
  await lab.vault.put("snapshots/20260102T030405Z-1a2b3c4d/manifest.json", Buffer.from("{}"));
  expect(await truth({ S3_STORAGE_BUCKET: lab.bucket })).toEqual({
    newestSetAt: newer.snapshotAt,
    newestSetBytes: expect.any(Number),
    proven: { snapshotAt: older.snapshotAt, provenAt: "2026-01-21T21:00:00Z", restoreSeconds: 77 },
    newestFilesAt: undefined,
  });
  await lab.vault.put(`${setPrefix("daily", older.set)}manifest.json`, Buffer.from("{}"));
  expect((await truth()).proven).toBeUndefined();
});
