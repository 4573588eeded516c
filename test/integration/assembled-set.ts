import { createHash, randomBytes } from "node:crypto";
import { countSet } from "../../actions/lib/compare/dump-checks.ts";
import { openArtifactStore, textSource } from "../../actions/lib/operations/backup/artifact-store.ts";
import type { Inventory } from "../../actions/lib/postgres/inventory/model.ts";
import { type KeyRole, type Recipient, readKeyring, type Signer } from "../../actions/lib/seal/keys/keyring.ts";
import { generateKey, readPrivateKey, type UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import {
  deriveIndexKey,
  indexKeyScope,
  keysFileName,
  keysSignatureMetadata,
  newSessionKey,
  sessionKeyCommitment,
  signKeysFile,
  wrapSessionKey,
} from "../../actions/lib/seal/keys/session-key.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { type Artifact, type Manifest, setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { encodeManifest, publishSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { indexArtifact, indexKeyArtifact } from "../../actions/lib/vault/sets/table-index.ts";

export interface TestKey {
  readonly unlocked: UnlockedKey;
  readonly recipients: readonly Recipient[];
  readonly signers: readonly Signer[];
  /** For GnuPG. */
  readonly privateArmored: string;
  readonly passphrase: string;
}

export async function newTestKey(role: KeyRole): Promise<TestKey> {
  const passphrase = randomBytes(8).toString("hex");
  const expires = new Date(Date.now() + 365 * 86_400_000);
  const made = await generateKey({ role, project: "lab", passphrase, expires });
  const keyring = await readKeyring(made.publicArmored);
  const unlocked = await readPrivateKey(made.privateArmored, passphrase);
  return { ...keyring, unlocked, privateArmored: made.privateArmored, passphrase };
}

/** One artifact to be: what it holds, before compression and sealing. */
export interface Piece {
  readonly name: string;
  readonly kind: Artifact["kind"];
  readonly tables?: string[];
  readonly source: AsyncIterable<Uint8Array>;
}

export interface SetParts {
  readonly vault: Vault;
  readonly signing: Pick<TestKey, "unlocked">;
  readonly recipient: Pick<TestKey, "recipients">;
  /** The lines of its index, by the set's id; without it there is none. */
  readonly index?: (set: string) => string;
  readonly inventory: Inventory;
  readonly pieces: readonly Piece[];
  /** RECOVER.md, made from the manifest's facts. */
  readonly recoverPage?: (manifest: Omit<Manifest, "artifacts">, artifacts: readonly Artifact[]) => string;
  /** What to change in the manifest before it is signed. */
  readonly change?: (manifest: Manifest) => Manifest;
}

export function newSetId(): string {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${time}-${randomBytes(4).toString("hex")}`;
}

/** Puts a set into the vault from its parts, as a backup does, and gives its manifest. */
export async function assembleSet(parts: SetParts): Promise<Manifest> {
  const { vault, inventory, signing, recipient } = parts;
  const [set, tier] = [newSetId(), "daily" as const];
  const prefix = setPrefix(tier, set);
  const key = newSessionKey();
  const keysPgp = await wrapSessionKey(key, recipient.recipients);
  const metadata = { [keysSignatureMetadata]: await signKeysFile(set, keysPgp, signing.unlocked) };
  await vault.put(prefix + keysFileName, keysPgp, { metadata });
  const limits = { partBytes: 5 * 1024 * 1024, maxParts: 10_000, readBack: false, archive: false, replicated: false };
  const store = openArtifactStore({ ...limits, vault, prefix, key, signal: new AbortController().signal });
  const artifacts: Artifact[] = [];
  for (const { source, ...name } of parts.pieces) artifacts.push(await store.put(name, source));
  const indexKey = deriveIndexKey(signing.unlocked, set);
  if (parts.index !== undefined) {
    const apart = openArtifactStore({ ...limits, vault, prefix, key: indexKey, signal: new AbortController().signal });
    artifacts.push(await apart.put(indexArtifact, textSource(parts.index(set))));
    artifacts.push(await store.put(indexKeyArtifact, textSource(`${Buffer.from(indexKey.data).toString("hex")}\n`)));
  }
  const text = textSource(JSON.stringify(inventory));
  artifacts.push(await store.put({ name: "inventory.json.zst.pgp", kind: "inventory" }, text));
  const now = new Date().toISOString();
  const draft = {
    ...{ format: "lifeboat-set/2" as const, set, tier, startedAt: now, snapshotAt: now, finishedAt: now },
    source: {
      ...{ projectRef: null, database: inventory.database },
      ...{ serverVersion: inventory.serverVersion, serverMajor: inventory.serverMajor },
    },
    software: { lifeboat: "0.1.0", node: process.version, pgDump: inventory.serverVersion },
    sealing: {
      ...{ format: "openpgp-seipd1-aes256" as const, compression: "zstd" as const },
      recipients: recipient.recipients.map(({ fingerprint }) => ({ role: "operations", fingerprint })),
      sessionKeyCommitment: sessionKeyCommitment(key, set),
      ...(parts.index && {
        index: {
          signer: signing.unlocked.fingerprint,
          sessionKeyCommitment: sessionKeyCommitment(indexKey, indexKeyScope(set)),
        },
      }),
    },
    counts: countSet(inventory, artifacts, "1000"),
  };
  if (parts.recoverPage !== undefined) {
    artifacts.push(await putPage(vault, prefix, parts.recoverPage(draft, artifacts)));
  }
  const manifest = { ...draft, artifacts };
  return signAndPublish(vault, parts.change?.(manifest) ?? manifest, signing);
}

export async function signAndPublish(
  vault: Vault,
  manifest: Manifest,
  signing: Pick<TestKey, "unlocked">,
): Promise<Manifest> {
  const bytes = encodeManifest(manifest);
  const signature = await signDetached(bytes, signing.unlocked);
  await publishSet(vault, manifest, bytes, signature, { lease: { assertHeld: async () => {} } });
  return manifest;
}

async function putPage(vault: Vault, prefix: string, page: string): Promise<Artifact> {
  const body = Buffer.from(page);
  await vault.put(`${prefix}RECOVER.md`, body);
  const part = { bytes: body.length, sha256: createHash("sha256").update(body).digest("hex") };
  const segments = [{ key: "RECOVER.md", ...part, parts: [part] }];
  return { name: "RECOVER.md", kind: "recover", plainBytes: body.length, segments };
}
