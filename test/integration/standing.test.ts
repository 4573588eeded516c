import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { policySchema } from "../../actions/lib/config/policy/policy.ts";
import { findMadeInPeriod, findStandBack, readLastSet } from "../../actions/lib/operations/backup/earlier-sets.ts";
import { findSnapshotFor, openVaultSnapshot } from "../../actions/lib/operations/restore-files/vault-snapshot.ts";
import { readVaultState } from "../../actions/lib/operations/sync/begin.ts";
import { inspectSnapshots } from "../../actions/lib/operations/sync/made-in-period.ts";
import { allowedEgress } from "../../actions/lib/operations/sync/source/tally.ts";
import { truthOf } from "../../actions/lib/report/branch/standing.ts";
import { readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { askStanding } from "../../actions/lib/vault/configured.ts";
import { setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { type Proof, proofSchema } from "../../actions/lib/vault/format/proof.ts";
import { encodeManifest, publishSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { encodeProof, manifestHash, writeProof } from "../../actions/lib/vault/sets/proof-store.ts";
import own from "../../lifeboat.config.ts";
import { setId, storeUnpublished } from "../faults/proxy/test-manifest.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";

const policy = policySchema.parse(own);
let lab: BackupLab;
let env: Record<string, string>;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3(), { lock: false });
  env = lab.env("postgresql://lifeboat@127.0.0.1:1/x");
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const truth = async (more: Record<string, string> = {}) =>
  truthOf(await askStanding(await loadConfig({ needs: ["vault"], env: { ...env, ...more } })));

/** A set in the vault, as of an hour after some day. */
async function makeSet(hours: number, trusted: boolean): Promise<{ set: string; snapshotAt: string }> {
  const set = setId(hours);
  const snapshotAt = new Date(Date.UTC(2026, 0, 1, hours)).toISOString();
  const manifest = { ...(await storeUnpublished(lab.vault, "daily", set)), snapshotAt };
  const signing = await readPrivateKey(env["BACKUP_SIGNING_KEY"] ?? "", env["BACKUP_SIGNING_PASSPHRASE"]);
  const bytes = encodeManifest(manifest);
  const signature = await signDetached(bytes, trusted ? signing : lab.operations);
  await publishSet(lab.vault, manifest, bytes, signature, { lease: { assertHeld: async () => {} } });
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
  expect(await truth()).toEqual({
    newestSetAt: undefined,
    proven: undefined,
    newestFilesAt: null,
    holds: [],
    played: [],
    announced: [],
  });
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
    proven: { set: older.set, snapshotAt: older.snapshotAt, provenAt: "2026-01-21T21:00:00Z", restoreSeconds: 77 },
    newestFilesAt: undefined,
    holds: [],
    played: [],
    // Made before manifests said the policy's terms.
    announced: [older, newer].map(() => ({ at: Date.parse("2026-01-01T00:00:00Z"), terms: null })),
  });
  await lab.vault.put(`${setPrefix("daily", older.set)}manifest.json`, Buffer.from("{}"));
  expect((await truth()).proven).toBeUndefined();
});

/** The newest of the vault by their names: nobody signed them, or a key that signs no sets. */
const plants: readonly (readonly [string, Buffer, (body: Uint8Array) => Promise<string> | undefined])[] = [
  ["that is unsigned", Buffer.from("{}"), () => undefined],
  ["that somebody else signed", Buffer.from("{}"), (body) => signDetached(body, lab.operations)],
  ["that is signed for another place", Buffer.from(""), () => undefined],
];

test.each(plants)("a manifest %s counts as a copy nowhere, and hides none", async (how, body, sign) => {
  const genuine = await makeSet(400 + plants.findIndex(([each]) => each === how), true);
  const junk = "20290102T030405Z-1a2b3c4d";
  const copied = body.length === 0;
  const from = setPrefix("daily", genuine.set);
  for (const to of [setPrefix("daily", junk), setPrefix("weekly", junk), `snapshots/${junk}/`]) {
    await lab.vault.put(`${to}manifest.json`, copied ? (await lab.vault.get(`${from}manifest.json`)).body : body);
    const signature = copied ? (await lab.vault.get(`${from}manifest.json.sig`)).body : await sign(body);
    if (signature !== undefined) await lab.vault.put(`${to}manifest.json.sig`, Buffer.from(signature));
  }
  const { vault, signers } = lab;
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
  const now = { ...vault, serverTime: async () => new Date("2029-01-02T04:00:00Z") };
  expect(await truth({ S3_STORAGE_BUCKET: lab.bucket })).toMatchObject({
    ...{ newestSetAt: genuine.snapshotAt, newestFilesAt: undefined },
  });
  expect((await readLastSet(vault, signers, []))?.set).toBe(genuine.set);
  for (const tier of ["daily", "weekly"] as const)
    expect(await findMadeInPeriod(now, tier, "month", signers, silentLog)).toBeUndefined();
  expect(await findStandBack(now, policy, signers, silentLog)).toBeUndefined();
  expect(await inspectSnapshots(now, "month", signers, silentLog)).toEqual({
    tier: expect.any(String),
    made: undefined,
  });
  const egress = { ...policy.storage, egress: { bytesPerMonth: 5, bytesPerRun: null } };
  expect(await allowedEgress(vault, verify, egress, new Date("2029-01-02"))).toBe(5);
  await expect(findSnapshotFor(vault, genuine, verify)).rejects.toMatchObject({ code: "snapshot-unknown" });
  expect((await readVaultState(vault, verify, silentLog, [])).newest).toBeUndefined();
  await expect(
    openVaultSnapshot(vault, junk, { trustedSigners: signers, privateKey: lab.operations }),
  ).rejects.toMatchObject({
    code: "manifest-untrusted",
  });
});
