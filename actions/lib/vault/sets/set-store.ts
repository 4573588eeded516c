import { ConfigurationError } from "../../base/errors.ts";
import { type Manifest, manifestSchema, setPrefix, type Tier } from "../format/manifest.ts";
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

/** A manifest of 10,000 parts has about 1 MB: this is for sets of two terabytes in parts of 16 MiB. A larger one is refused unread. */
export const maxManifestBytes = 16 * 1024 * 1024;

/** The bytes that are signed and stored. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return Buffer.from(`${JSON.stringify(manifestSchema.parse(manifest), null, 2)}\n`);
}

/**
 * Makes a set exist: the signature first, then, under the lease, the manifest. Neither replaces anything.
 * @param bytes what `encodeManifest` gave and `signature` (armored) covers
 * @throws OperationError `set-taken` when another writer was first, `lease-lost`, `s3-unavailable`; `stored-differs` when the
 * store does not hold what it said it had stored
 */
export async function publish(
  vault: Vault,
  manifest: Manifest,
  bytes: Uint8Array,
  signature: string,
  options: { lease: Pick<Lease, "assertHeld">; signal?: AbortSignal },
): Promise<void> {
  await publishManifest(vault, setPrefix(manifest.tier, manifest.set), bytes, signature, options);
}

/** A set as its manifest describes it. */
export interface StoredSet {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  readonly signature: string;
  readonly signedBy: SignedBy;
  /** `database/<tier>/<set>/` */
  readonly prefix: string;
}

/**
 * Reads and checks a manifest: signed by a trusted key, and about this very set.
 * @param signed false: the store's list shows no signature, and nothing is read
 * @throws ConfigurationError `manifest-untrusted`, `set-unknown`
 */
export async function readSet(
  vault: Vault,
  tier: Tier,
  set: string,
  verify: VerifySignature,
  signed = true,
): Promise<StoredSet> {
  const prefix = setPrefix(tier, set);
  const untrusted = (why: string) =>
    new ConfigurationError(
      "manifest-untrusted",
      `The manifest of set ${set} (${tier}) is not to be trusted: ${why}`,
      "Use another set (`lifeboat list`), and find out who wrote this one.",
    );
  if (!signed) throw untrusted(notSigned);
  const found = await readManifest(vault, prefix, maxManifestBytes, verify, untrusted);
  if (found === undefined)
    throw new ConfigurationError(
      "set-unknown",
      `There is no set ${set} of tier ${tier} in bucket ${vault.bucket}`,
      "See `lifeboat list`.",
    );
  const manifest = parseManifest(found.bytes, untrusted);
  if (manifest.set !== set || manifest.tier !== tier)
    throw untrusted(
      `it is the manifest of ${manifest.set} (${manifest.tier}), correctly signed but put here by somebody`,
    );
  return { ...found, manifest, prefix };
}

/** @throws what `untrusted` makes when the bytes are not a manifest of this format, or contradict themselves */
export function parseManifest(bytes: Uint8Array, untrusted: Untrusted): Manifest {
  const manifest = parseDocument(bytes, manifestSchema, "lifeboat-set/1", untrusted);
  for (const segment of manifest.artifacts.flatMap(({ segments }) => segments)) {
    const sum = segment.parts.reduce((bytes, part) => bytes + part.bytes, 0);
    if (sum !== segment.bytes || segment.key.split("/").includes(".."))
      throw untrusted(`its entry ${segment.key} is impossible`);
  }
  return manifest;
}
