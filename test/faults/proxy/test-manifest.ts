import { randomBytes } from "node:crypto";
import { type Manifest, setPrefix, type Tier } from "../../../actions/lib/vault/format/manifest.ts";
import type { Vault } from "../../../actions/lib/vault/s3/client.ts";
import { uploadStream } from "../../../actions/lib/vault/s3/upload.ts";
import { noise } from "./test-bucket.ts";

/** A set id of this many hours after some day. */
export function setId(hours: number): string {
  const time = new Date(Date.UTC(2026, 0, 1, hours)).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${time}-${randomBytes(4).toString("hex")}`;
}

/** Stores one artifact and gives the manifest of the set that it makes up; keys.pgp is there too. */
export async function storeUnpublished(vault: Vault, tier: Tier, set: string, bytes = 1000): Promise<Manifest> {
  const prefix = setPrefix(tier, set);
  const name = "schema.dump.zst.pgp";
  await vault.put(`${prefix}keys.pgp`, randomBytes(100), { ifNoneMatch: true });
  const segments = await uploadStream(vault, prefix + name, noise(bytes), { prefix });
  const at = "2026-01-01T00:00:00Z";
  const none = { tables: 0, rows: "0", sequences: 0, largeObjects: 0, objects: 0, databaseBytes: "0", plainBytes: "0" };
  return {
    format: "lifeboat-set/2",
    ...{ set, tier, startedAt: at, snapshotAt: at, finishedAt: at },
    source: { projectRef: null, database: "postgres", serverVersion: "17.1", serverMajor: 17 },
    software: { lifeboat: "0", node: "24", pgDump: "17" },
    sealing: {
      format: "openpgp-seipd1-aes256",
      compression: "zstd",
      recipients: [{ role: "prover", fingerprint: "A".repeat(40) }],
      sessionKeyCommitment: "0".repeat(64),
    },
    counts: { ...none, storedBytes: String(bytes) },
    artifacts: [{ name, kind: "schema", plainBytes: bytes, segments }],
  };
}
