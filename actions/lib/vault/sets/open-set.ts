import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { counted, wholeOf } from "../../base/flow/chunks.ts";
import { noteTouched } from "../../base/touched.ts";
import { type Inventory, inventorySchema } from "../../postgres/inventory/model.ts";
import { openSealed } from "../../seal/body/artifact.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import {
  assertCommitment,
  assertOnlyWrappedKeys,
  indexKeyScope,
  keysFileName,
  type SessionKey,
  secretsFileName,
  secretsScope,
  unwrapSessionKey,
  verifyKeysFile,
} from "../../seal/keys/session-key.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import type { Artifact, Manifest, Tier } from "../format/manifest.ts";
import type { LatestOptions } from "../published/publications.ts";
import { manifestName } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { openArtifact } from "../s3/download.ts";
import { readSet, resolveSet, type StoredSet } from "./catalogue.ts";
import { type IndexKeys, indexKeyArtifact } from "./table-index.ts";

/** Which set: by tier and id, by its id alone, or the newest that there is. */
export type SetRef = { readonly tier: Tier; readonly set: string } | string;

/** A set whose manifest bears a trusted signature and belongs where it lies. */
export interface SignedSet extends Pick<StoredSet, "manifest" | "bytes" | "prefix" | "signedBy"> {
  readonly tier: Tier;
  readonly set: string;
}

export interface OpenSet extends SignedSet {
  readonly key: SessionKey;
  /** Of the index of tables. @throws OperationError `session-key-foreign` */
  indexKey(): Promise<SessionKey>;
  inventory(): Promise<Inventory>;
  /**
   * The plain bytes of an artifact: stored parts checked against the manifest, opened, decompressed. They can be relied
   * on only once the iteration has ended without an error.
   * @throws ConfigurationError `wrong-private-key` for Vault's secrets, which the prover's key does not open
   * @throws OperationError `artifact-unknown`, `artifact-damaged`; what seal/ throws for a body that does not open
   */
  artifact(name: string, options?: ReadOptions): AsyncGenerator<Uint8Array, void, undefined>;
}

export interface Opening extends Pick<LatestOptions, "passedOver"> {
  readonly trustedSigners: readonly Signer[];
  readonly privateKey: UnlockedKey;
}

export interface ReadOptions {
  /** Called with the stored bytes of each chunk as it is fetched. */
  readonly onStoredBytes?: (bytes: number) => void;
  /** Stored parts that are fetched before they are asked for; default 1. Each is held in memory. */
  readonly ahead?: number;
  readonly signal?: AbortSignal;
}

/**
 * Finds a set and checks its manifest's signature and place.
 * @param passedOver told which newer sets are not `latest`, because they were made while an incident was on
 * @throws ConfigurationError `set-unknown`, `set-id`, `manifest-untrusted`
 */
export async function readSignedSet(
  vault: Vault,
  ref: SetRef,
  trusted: readonly Signer[],
  passedOver?: LatestOptions["passedOver"],
): Promise<SignedSet> {
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, trusted);
  const { tier, set } = typeof ref === "string" ? await resolveSet(vault, ref, { verify, passedOver }) : ref;
  const { manifest, bytes, prefix, signedBy } = await readSet(vault, tier, set, verify);
  return { tier, set, manifest, bytes, prefix, signedBy };
}

/**
 * Opens a set for reading: signed manifest, keys.pgp of this very set, session key that the manifest knows.
 * Nothing is written anywhere.
 * @throws ConfigurationError `wrong-private-key`; what `readSignedSet` and seal/keys/session-key throw
 */
export async function openSet(
  vault: Vault,
  ref: SetRef,
  { trustedSigners, privateKey, passedOver }: Opening,
): Promise<OpenSet> {
  const signed = await readSignedSet(vault, ref, trustedSigners, passedOver);
  const keysPgp = await readKeys(vault, signed, trustedSigners);
  return unlockSet(vault, signed, keysPgp, { trustedSigners, privateKey });
}

/** What opens the indexes of sets with a private key that these are sealed to. */
export function sealedIndexKey(vault: Vault, opening: Opening): NonNullable<IndexKeys["sealed"]> {
  return async ({ set, tier }) => (await openSet(vault, { set, tier }, opening)).indexKey();
}

/** keys.pgp of a set, its signature checked. */
export async function readKeys(vault: Vault, signed: SignedSet, trusted: readonly Signer[]): Promise<Uint8Array> {
  return readWrapped(vault, signed.prefix + keysFileName, signed.set, trusted);
}

/** secrets.pgp of a set that has one, its signature checked. */
export async function readSecretsKeys(
  vault: Vault,
  signed: SignedSet,
  trusted: readonly Signer[],
): Promise<Uint8Array> {
  return readWrapped(vault, signed.prefix + secretsFileName, secretsScope(signed.set), trusted);
}

async function readWrapped(vault: Vault, key: string, scope: string, trusted: readonly Signer[]): Promise<Uint8Array> {
  const { body, metadata } = await vault.get(key, { maxBytes: 1024 * 1024 });
  await verifyKeysFile(scope, body, metadata, trusted);
  await assertOnlyWrappedKeys(body);
  return body;
}

export async function unlockSet(
  vault: Vault,
  signed: SignedSet,
  keysPgp: Uint8Array,
  { trustedSigners, privateKey }: Opening,
): Promise<OpenSet> {
  const { manifest, prefix, set } = signed;
  const key = await unwrapSessionKey(keysPgp, privateKey);
  assertCommitment(key, set, manifest.sealing.sessionKeyCommitment);
  noteTouched("opened", prefix + manifestName, signed.bytes);
  const indexKey = async (): Promise<SessionKey> => {
    const stored = named(manifest, indexKeyArtifact.name);
    const line = await wholeOf(plainBytes(vault, prefix, stored, async () => key));
    const own = { data: Uint8Array.from(Buffer.from(line.toString("latin1").trim(), "hex")) };
    assertCommitment(own, indexKeyScope(set), manifest.sealing.index?.sessionKeyCommitment ?? "");
    return own;
  };
  const keyOf = async ({ kind }: Artifact): Promise<SessionKey> => {
    const { secrets } = manifest.sealing;
    if (kind === "index") return indexKey();
    if (kind !== "secrets") return key;
    if (secrets === undefined)
      throw new OperationError("keys-damaged", `The manifest of set ${set} knows no ${secretsFileName}.`);
    const own = await unwrapSessionKey(await readSecretsKeys(vault, signed, trustedSigners), privateKey);
    assertCommitment(own, secretsScope(set), secrets.sessionKeyCommitment);
    return own;
  };
  return {
    ...signed,
    ...{ key, indexKey },
    inventory: () => readInventory(vault, prefix, manifest, key),
    artifact: (name, options) => {
      const artifact = named(manifest, name);
      return plainBytes(vault, prefix, artifact, () => keyOf(artifact), options);
    },
  };
}

function named(manifest: Manifest, name: string): Artifact {
  const found = manifest.artifacts.find((artifact) => artifact.name === name);
  if (found !== undefined) return found;
  throw new ConfigurationError("artifact-unknown", `Set ${manifest.set} has no artifact ${name}.`, "See RECOVER.md.");
}

async function* plainBytes(
  vault: Vault,
  prefix: string,
  artifact: Artifact,
  key: () => Promise<SessionKey>,
  { ahead = 1, onStoredBytes, signal }: ReadOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const sealed = artifact.name.endsWith(".pgp");
  const opened = sealed ? await key() : undefined;
  const options = { ahead, recycled: sealed, ...(signal && { signal }) };
  const stored = counted(openArtifact(vault, prefix, artifact, options), onStoredBytes);
  let bytes = 0;
  for await (const chunk of opened === undefined ? stored : openSealed(stored, opened)) {
    bytes += chunk.length;
    // At once: what a few bytes become may have no end.
    if (bytes > artifact.plainBytes) break;
    yield chunk;
  }
  if (bytes === artifact.plainBytes) return;
  throw new OperationError(
    "artifact-damaged",
    `${artifact.name} has ${bytes > artifact.plainBytes ? "more" : bytes} bytes when it is opened; its manifest says ${artifact.plainBytes}.`,
    "Use another set (`lifeboat list`).",
  );
}

/** One of a hundred thousand objects has a tenth of it; a text cannot have twice as much. */
const mostInventory = 256 * 1024 * 1024;

async function readInventory(vault: Vault, prefix: string, manifest: Manifest, key: SessionKey): Promise<Inventory> {
  const artifact = manifest.artifacts.find(({ kind }) => kind === "inventory");
  if (artifact === undefined) throw unreadable(manifest.set, "the manifest names none");
  if (artifact.plainBytes > mostInventory) throw unreadable(manifest.set, "it is larger than any can be");
  const text = (await wholeOf(plainBytes(vault, prefix, artifact, async () => key))).toString("utf8");
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's message quotes the text; ours must not.
    throw unreadable(manifest.set, "it is no JSON");
  }
  const parsed = inventorySchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join(".") ?? "";
  throw unreadable(manifest.set, `it is not in the form that this version of Lifeboat knows, first at ${where}`);
}

function unreadable(set: string, why: string): OperationError {
  return new OperationError(
    "inventory-unreadable",
    `The inventory of set ${set} cannot be used: ${why}.`,
    "Use the version of Lifeboat that the manifest names, or restore by RECOVER.md, which needs no inventory.",
  );
}
