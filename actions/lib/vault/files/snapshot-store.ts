import { ConfigurationError } from "../../base/errors.ts";
import { snapshotPrefix } from "../format/names.ts";
import { type SnapshotManifest, snapshotManifestSchema } from "../format/snapshot-manifest.ts";
import type { Lease } from "../lease/lease.ts";
import {
  notSigned,
  parseDocument,
  publishManifest,
  readManifest,
  type SignedBy,
  type Untrusted,
  type VerifySignature,
} from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";

const maxManifestBytes = 4 * 1024 * 1024;

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
 * @param signed false: the store's list shows no signature, and nothing is read
 * @throws ConfigurationError `manifest-untrusted`, `snapshot-unknown`
 */
export async function readSnapshot(
  vault: Vault,
  set: string,
  verify: VerifySignature,
  signed = true,
): Promise<StoredSnapshot> {
  const prefix = snapshotPrefix(set);
  const untrusted = (why: string) =>
    new ConfigurationError(
      "manifest-untrusted",
      `The manifest of the files' snapshot ${set} is not to be trusted: ${why}`,
      "Use another snapshot (`lifeboat list --files`), and find out who wrote this one.",
    );
  if (!signed) throw untrusted(notSigned);
  const found = await readManifest(vault, prefix, maxManifestBytes, verify, untrusted);
  if (found === undefined)
    throw new ConfigurationError(
      "snapshot-unknown",
      `There is no snapshot ${set} of the files in bucket ${vault.bucket}`,
      "See `lifeboat list --files`.",
    );
  const manifest = parseSnapshotManifest(found.bytes, untrusted);
  if (manifest.set !== set)
    throw untrusted(`it is the manifest of ${manifest.set}, correctly signed but put here by somebody`);
  return { ...found, manifest, prefix };
}

/** @throws what `untrusted` makes when the bytes are not a manifest of this format */
export function parseSnapshotManifest(bytes: Uint8Array, untrusted: Untrusted): SnapshotManifest {
  return parseDocument(bytes, snapshotManifestSchema, "lifeboat-files/1", untrusted);
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
  await publishManifest(vault, snapshotPrefix(set), bytes, signature, options);
}
