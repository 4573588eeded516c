import { randomBytes } from "node:crypto";
import { readPrivateKey, type UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import type { Manifest, Tier } from "../../actions/lib/vault/format/manifest.ts";
import { proofSchema } from "../../actions/lib/vault/format/proof.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { encodeManifest, publishSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { encodeProof, manifestHash, writeProof } from "../../actions/lib/vault/sets/proof-store.ts";
import { storeUnpublished } from "../faults/proxy/test-manifest.ts";
import type { BackupLab } from "./backup-lab.ts";

/** A name for what began then. */
export function idAt(time: Date): string {
  return `${time.toISOString().replaceAll(/[-:]|\.\d+/g, "")}-${randomBytes(4).toString("hex")}`;
}

interface SignedSet {
  readonly tier?: Tier;
  readonly at: Date;
  readonly counts?: Partial<Manifest["counts"]>;
  readonly readBack?: boolean;
}

/** Lays a small set into the vault, as a backup that ran at that time leaves it, without a lock. */
export async function laySigned(
  vault: Vault,
  key: UnlockedKey,
  { tier = "daily", at, counts = {}, readBack = false }: SignedSet,
): Promise<Manifest> {
  const stored = await storeUnpublished(vault, tier, idAt(at));
  const time = at.toISOString();
  const manifest: Manifest = {
    ...{ ...stored, counts: { ...stored.counts, ...counts } },
    ...(readBack && { readBack }),
    ...{ startedAt: time, snapshotAt: time, finishedAt: time },
  };
  const bytes = encodeManifest(manifest);
  const lease = { assertHeld: async () => {} };
  await publishSet(vault, manifest, bytes, await signDetached(bytes, key), { lease });
  return manifest;
}

/** The same into the lab's vault. @param key default: the one that signs backups */
export async function publishSigned(
  lab: BackupLab,
  { key, ...set }: SignedSet & { readonly key?: UnlockedKey },
): Promise<Manifest> {
  const env = lab.env("postgresql://lifeboat@127.0.0.1:1/x");
  const signing = key ?? (await readPrivateKey(env["BACKUP_SIGNING_KEY"] ?? "", env["BACKUP_SIGNING_PASSPHRASE"]));
  return laySigned(lab.vault, signing, set);
}

/** Lays the proof of a set that a restore test has restored within half an hour, ending at that time. */
export async function layProof(
  vault: Vault,
  prover: UnlockedKey,
  { set, tier, snapshotAt }: Pick<Manifest, "set" | "tier" | "snapshotAt">,
  at: Date,
  restoreSeconds = 900,
): Promise<void> {
  const proof = proofSchema.parse({
    ...{ format: "lifeboat-proof/1", proof: idAt(at), set, tier, snapshotAt, turn: "newest", outcome: "proven" },
    manifestSha256: await manifestHash(vault, tier, set),
    ...{ startedAt: new Date(at.getTime() - 1_800_000).toISOString(), finishedAt: at.toISOString() },
    target: { name: "staging", projectRef: "ref", kind: "supabase", serverVersion: "17.1" },
    software: { lifeboat: "0", node: "24" },
    counts: { objects: 1, tables: 1, rows: "1", foreignKeysChecked: 0, databaseBytes: "1", storedBytes: "1" },
    differences: { failed: 0, expected: 0, unverified: 0 },
    ...{ files: null, checks: [], performance: [], defect: null, stages: [], restoreSeconds, totalSeconds: 1800 },
  });
  const bytes = encodeProof(proof);
  await writeProof(vault, proof, bytes, await signDetached(bytes, prover), null);
}
