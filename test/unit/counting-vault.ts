import { createHash, randomBytes } from "node:crypto";
import type { ObjectStore, RunKeys } from "../../actions/lib/operations/sync/store/object-store.ts";
import type { KeptObject } from "../../actions/lib/policy/files-retention.ts";
import { sealWhole } from "../../actions/lib/seal/body/artifact.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { generateKey, readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { newSessionKey, wrapSessionKey } from "../../actions/lib/seal/keys/session-key.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { encodeSnapshotManifest } from "../../actions/lib/vault/files/snapshot-catalogue.ts";
import { indexKeysName, snapshotPrefix } from "../../actions/lib/vault/format/names.ts";
import type {
  HashedObject,
  LayerReference,
  SnapshotManifest,
  StoredObject,
} from "../../actions/lib/vault/format/snapshot-manifest.ts";

/** A vault that keeps how large everything is, and nothing else. */
export interface CountingVault {
  /** What a run writes with, from here on. */
  begin(run: string, now: Date): { readonly store: ObjectStore; readonly keys: RunKeys };
  /** A pack or a large file of so many stored bytes. */
  content(key: string, size: { files: number; fileBytes: number; bytes: number }): StoredObject;
  publish(facts: PublishFacts): Promise<SnapshotManifest>;
  /** The last document that was stored unsealed. */
  lastPlain(): unknown;
  objects(): KeptObject[];
  storedBytes(): number;
  nextNumber(): number;
  /** As large as a sum of hashes of two thousand rows. */
  randomSum(): string;
  commitments(): Map<string, string>;
}

interface PublishFacts {
  readonly run: string;
  readonly now: Date;
  readonly tier: SnapshotManifest["tier"];
  readonly layers: LayerReference[];
  readonly head: HashedObject;
}

const hex = (bytes: number): string => randomBytes(bytes).toString("hex");
const partBytes = 8 * 1024 * 1024;

export async function openCountingVault(): Promise<CountingVault> {
  const expires = new Date(Date.now() + 8.64e9);
  const make = (role: "operations" | "escrow" | "prover" | "signing") =>
    generateKey({ role, project: "year", passphrase: "passphrase of a test", expires });
  const [operations, escrow, prover, signing] = await Promise.all([
    ...[make("operations"), make("escrow"), make("prover"), make("signing")],
  ] as const);
  const { recipients } = await readKeyring(operations.publicArmored + escrow.publicArmored + prover.publicArmored);
  const signer = await readPrivateKey(signing.privateArmored, "passphrase of a test");
  const keysFileBytes = (await wrapSessionKey(newSessionKey(), recipients)).byteLength;
  const index = newSessionKey();
  const objects = new Map<string, KeptObject>();
  const commitments = new Map<string, string>();
  let time = new Date();
  let last: unknown;
  let number = 0;

  const put = (key: string, body: Uint8Array | number): HashedObject => {
    const bytes = typeof body === "number" ? body : body.byteLength;
    objects.set(key, { key, bytes, lastModified: time });
    return { key, bytes, sha256: typeof body === "number" ? hex(32) : createHash("sha256").update(body).digest("hex") };
  };
  return {
    begin(run, now) {
      time = now;
      number = 0;
      commitments.set(run, hex(32));
      for (const name of ["keys.pgp", indexKeysName]) put(snapshotPrefix(run) + name, keysFileBytes);
      const no = (): never => {
        throw new Error("contents are sizes here");
      };
      const store: ObjectStore = {
        ...{ pack: no, file: no, discount: no, storedBytes: 0 },
        sealed: async (name, plain) => put(snapshotPrefix(run) + name, await sealWhole(plain, index)),
        async plain(name, body) {
          last = JSON.parse(Buffer.from(body).toString("utf8"));
          return put(snapshotPrefix(run) + name, body);
        },
      };
      const keys: RunKeys = {
        ...{ run, index, indexKeyCommitment: hex(32), indexKeySigner: signer.fingerprint },
        ...{ session: no, storeIndexKey: no, sessionKeyCommitment: () => commitments.get(run) ?? null },
      };
      return { store, keys };
    },
    content(key, { files, fileBytes, bytes }) {
      put(key, bytes);
      const parts = Array.from({ length: Math.max(1, Math.ceil(bytes / partBytes)) }, (_, part) => ({
        ...{ bytes: Math.min(partBytes, bytes - part * partBytes), sha256: hex(32) },
      }));
      return { key, files, fileBytes, plainBytes: bytes, segments: [{ key, bytes, sha256: hex(32), parts }] };
    },
    async publish({ run, now, tier, layers, head }) {
      const at = now.toISOString();
      const manifest: SnapshotManifest = {
        ...{ format: "lifeboat-files/1", set: run, tier, startedAt: at, snapshotAt: at, finishedAt: at, previous: run },
        ...{ databaseSet: { tier, set: run }, source: { projectRef: "x".repeat(20), list: "database" } },
        software: { lifeboat: "0.1.0", node: "v24.0.0" },
        sealing: {
          ...{ format: "openpgp-seipd1-aes256", compression: "zstd" },
          recipients: recipients.map(({ fingerprint }) => ({ role: "operations", fingerprint })),
          ...{ indexKeyCommitment: hex(32), indexKeySigner: signer.fingerprint },
        },
        counts: {
          ...{ buckets: 1, files: 1e6, bytes: "1".repeat(11), filesCopied: 500, bytesCopied: "1".repeat(9) },
          ...{ filesChanged: 500, filesRemoved: 50, filesRenamed: 0, egressBytes: "1".repeat(9) },
          ...{ storedBytes: "1".repeat(9), findings: {} },
        },
        ...{ head, findings: null, layers, recover: head },
      };
      const bytes = encodeSnapshotManifest(manifest);
      put(`${snapshotPrefix(run)}manifest.json`, bytes);
      put(`${snapshotPrefix(run)}manifest.json.sig`, Buffer.from(await signDetached(bytes, signer)));
      return manifest;
    },
    lastPlain: () => last,
    objects: () => [...objects.values()],
    storedBytes: () => [...objects.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    nextNumber: () => ++number,
    randomSum: () => BigInt(`0x${hex(9)}`).toString(),
    commitments: () => commitments,
  };
}
