import { ConfigurationError, LifeboatError, OperationError } from "../../runtime/errors.ts";
import { assertStored } from "../assert-stored.ts";
import type { Vault } from "../client.ts";
import type { Lease } from "../lease-keeper.ts";
import { manifestName, type SignedBy, signatureName, type VerifySignature } from "../set-store.ts";
import { isConditionFailed, isMissing } from "../store-errors.ts";
import { deleteVersions } from "../versions.ts";
import { snapshotPrefix } from "./keys.ts";
import { type SnapshotManifest, snapshotManifestSchema } from "./snapshot-manifest.ts";

const maxManifestBytes = 4 * 1024 * 1024;
const maxSignatureBytes = 64 * 1024;

/** The bytes that are signed and stored. */
export function encodeSnapshotManifest(manifest: SnapshotManifest): Uint8Array {
  return Buffer.from(`${JSON.stringify(snapshotManifestSchema.parse(manifest), null, 1)}\n`);
}

/** A snapshot as its manifest describes it. */
export interface StoredSnapshot {
  readonly manifest: SnapshotManifest;
  readonly bytes: Uint8Array;
  readonly signature: string;
  readonly signedBy: SignedBy;
  /** `snapshots/<set>/` */
  readonly prefix: string;
}

/**
 * Reads and checks a manifest: signed by a trusted key, and about this very snapshot.
 * @throws ConfigurationError `manifest-untrusted`, `snapshot-unknown`
 */
export async function readSnapshot(vault: Vault, set: string, verify: VerifySignature): Promise<StoredSnapshot> {
  const prefix = snapshotPrefix(set);
  const untrusted = (why: string) =>
    new ConfigurationError(
      "manifest-untrusted",
      `The manifest of the files' snapshot ${set} is not to be trusted: ${why}`,
      "Use another snapshot (`lifeboat list --files`), and find out who wrote this one.",
    );
  const [bytes, armored] = await Promise.all([
    readDocument(vault, prefix + manifestName, maxManifestBytes, untrusted),
    readDocument(vault, prefix + signatureName, maxSignatureBytes, untrusted),
  ]);
  if (bytes === undefined)
    throw new ConfigurationError(
      "snapshot-unknown",
      `There is no snapshot ${set} of the files in bucket ${vault.bucket}`,
      "See `lifeboat list --files`.",
    );
  if (armored === undefined) throw untrusted("it is not signed");
  const signature = Buffer.from(armored).toString("latin1");
  const signedBy = await verify(bytes, signature).catch((error: unknown) => {
    throw untrusted(error instanceof LifeboatError ? error.message : "its signature is not by a trusted key");
  });
  const manifest = parseSnapshotManifest(bytes, untrusted);
  if (manifest.set !== set)
    throw untrusted(`it is the manifest of ${manifest.set}, correctly signed but put here by somebody`);
  return { manifest, bytes, signature, signedBy, prefix };
}

/** @throws what `untrusted` makes when the bytes are not a manifest of this format */
export function parseSnapshotManifest(bytes: Uint8Array, untrusted: (why: string) => Error): SnapshotManifest {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw untrusted("it is not JSON");
  }
  const parsed = snapshotManifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join(".");
  throw untrusted(`it does not have the form of lifeboat-files/1${where ? ` (${where})` : ""}`);
}

/**
 * Makes a snapshot exist: the signature first, then, under the lease, the manifest. Neither replaces anything.
 * @param bytes what `encodeSnapshotManifest` gave and `signature` (armored) covers
 * @throws OperationError `set-taken`, `lease-lost`, `s3-unavailable`, `stored-differs`
 */
export async function publishSnapshot(
  vault: Vault,
  set: string,
  bytes: Uint8Array,
  signature: string,
  options: { lease: Pick<Lease, "assertHeld">; signal?: AbortSignal },
): Promise<void> {
  const prefix = snapshotPrefix(set);
  const put = (name: string, body: Uint8Array, contentType: string) =>
    vault
      .put(prefix + name, body, { ifNoneMatch: true, contentType, ...(options.signal && { signal: options.signal }) })
      .catch((error: unknown) => {
        if (!isConditionFailed(error)) throw error;
        throw new OperationError("set-taken", `${prefix}${name} is there already: somebody else has written it`);
      });
  await put(signatureName, Buffer.from(signature), "application/pgp-signature");
  await assertStored(vault, prefix + signatureName, Buffer.from(signature));
  await options.lease.assertHeld();
  options.signal?.throwIfAborted();
  const stored = await put(manifestName, bytes, "application/json");
  // Whoever took the lease between those two lines may have cleaned our objects away: then the snapshot must not stay.
  await options.lease.assertHeld().catch(async (error: unknown) => {
    if (!(error instanceof LifeboatError && error.code === "lease-lost")) return;
    await deleteVersions(vault.transport, [{ key: prefix + manifestName, versionId: stored.versionId }]);
    throw error;
  });
  await assertStored(vault, prefix + manifestName, bytes);
}

async function readDocument(vault: Vault, key: string, maxBytes: number, untrusted: (why: string) => Error) {
  try {
    return (await vault.get(key, { maxBytes })).body;
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (error instanceof LifeboatError && error.code === "s3-too-large") throw untrusted(`${key} is too large`);
    throw error;
  }
}
