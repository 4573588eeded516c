import { randomBytes } from "node:crypto";
import { readPrivateKey, type UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import type { Manifest, Tier } from "../../actions/lib/vault/format/manifest.ts";
import { encodeManifest, publishSet } from "../../actions/lib/vault/sets/catalogue.ts";
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
  /** Default: the one that signs backups. */
  readonly key?: UnlockedKey;
}

/** Lays a small set into the vault, as a backup that ran at that time leaves it, without a lock. */
export async function publishSigned(
  lab: BackupLab,
  { tier = "daily", at, counts = {}, readBack = false, key }: SignedSet,
): Promise<Manifest> {
  const env = lab.env("postgresql://lifeboat@127.0.0.1:1/x");
  const signing = key ?? (await readPrivateKey(env["BACKUP_SIGNING_KEY"] ?? "", env["BACKUP_SIGNING_PASSPHRASE"]));
  const stored = await storeUnpublished(lab.vault, tier, idAt(at));
  const time = at.toISOString();
  const manifest: Manifest = {
    ...{ ...stored, counts: { ...stored.counts, ...counts } },
    ...(readBack && { readBack }),
    ...{ startedAt: time, snapshotAt: time, finishedAt: time },
  };
  const bytes = encodeManifest(manifest);
  await publishSet(lab.vault, manifest, bytes, await signDetached(bytes, signing), {
    lease: { assertHeld: async () => {} },
  });
  return manifest;
}
