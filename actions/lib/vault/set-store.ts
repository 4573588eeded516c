import { ConfigurationError, LifeboatError, OperationError } from "../runtime/errors.ts";
import { assertStored } from "./assert-stored.ts";
import type { Vault } from "./client.ts";
import type { Lease } from "./lease.ts";
import { type Manifest, manifestSchema, setPrefix, type Tier } from "./manifest.ts";
import { isConditionFailed, isMissing } from "./store-errors.ts";
import { deleteVersions } from "./versions.ts";

export const manifestName = "manifest.json";
export const signatureName = "manifest.json.sig";
/** A manifest of 10,000 parts has about 1 MB. */
const maxManifestBytes = 64 * 1024 * 1024;
const maxSignatureBytes = 64 * 1024;

/** Who signed, and when. */
export interface SignedBy {
  readonly fingerprint: string;
  readonly signedAt: Date;
}

/** Checks a detached, armored signature against the trusted keys; throws when it is not theirs (`seal/signature.ts`). */
export type VerifySignature = (bytes: Uint8Array, armored: string) => Promise<SignedBy>;

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
  const prefix = setPrefix(manifest.tier, manifest.set);
  const put = (name: string, body: Uint8Array, contentType: string) =>
    vault
      .put(prefix + name, body, { ifNoneMatch: true, contentType, ...(options.signal && { signal: options.signal }) })
      .catch((error: unknown) => {
        if (!isConditionFailed(error)) throw error;
        throw new OperationError("set-taken", `${prefix}${name} is there already: somebody else has written this set`);
      });
  await put(signatureName, Buffer.from(signature), "application/pgp-signature");
  await assertStored(vault, prefix + signatureName, Buffer.from(signature));
  await options.lease.assertHeld();
  options.signal?.throwIfAborted();
  const stored = await put(manifestName, bytes, "application/json");
  // Whoever took the lease between those two lines may have cleaned our objects away: then the set must not stay.
  await options.lease.assertHeld().catch(async (error: unknown) => {
    if (!(error instanceof LifeboatError && error.code === "lease-lost")) return;
    await deleteVersions(vault.transport, [{ key: prefix + manifestName, versionId: stored.versionId }]);
    throw error;
  });
  await assertStored(vault, prefix + manifestName, bytes);
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
 * @throws ConfigurationError `manifest-untrusted`, `set-unknown`
 */
export async function readSet(vault: Vault, tier: Tier, set: string, verify: VerifySignature): Promise<StoredSet> {
  const prefix = setPrefix(tier, set);
  const untrusted = (why: string) =>
    new ConfigurationError(
      "manifest-untrusted",
      `The manifest of set ${set} (${tier}) is not to be trusted: ${why}`,
      "Use another set (`lifeboat list`), and find out who wrote this one.",
    );
  const [bytes, armored] = await Promise.all([
    readDocument(vault, prefix + manifestName, maxManifestBytes, untrusted),
    readDocument(vault, prefix + signatureName, maxSignatureBytes, untrusted),
  ]);
  if (bytes === undefined)
    throw new ConfigurationError(
      "set-unknown",
      `There is no set ${set} of tier ${tier} in bucket ${vault.bucket}`,
      "See `lifeboat list`.",
    );
  if (armored === undefined) throw untrusted("it is not signed");
  const signature = Buffer.from(armored).toString("latin1");
  const signedBy = await verify(bytes, signature).catch((error: unknown) => {
    throw untrusted(error instanceof LifeboatError ? error.message : "its signature is not by a trusted key");
  });
  const manifest = parseManifest(bytes, untrusted);
  if (manifest.set !== set || manifest.tier !== tier)
    throw untrusted(
      `it is the manifest of ${manifest.set} (${manifest.tier}), correctly signed but put here by somebody`,
    );
  return { manifest, bytes, signature, signedBy, prefix };
}

/** @throws what `untrusted` makes when the bytes are not a manifest of this format, or contradict themselves */
export function parseManifest(bytes: Uint8Array, untrusted: (why: string) => Error): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw untrusted("it is not JSON");
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join(".");
    throw untrusted(`it does not have the form of lifeboat-set/1${where ? ` (${where})` : ""}`);
  }
  for (const segment of parsed.data.artifacts.flatMap(({ segments }) => segments)) {
    const sum = segment.parts.reduce((bytes, part) => bytes + part.bytes, 0);
    if (sum !== segment.bytes || segment.key.split("/").includes(".."))
      throw untrusted(`its entry ${segment.key} is impossible`);
  }
  return parsed.data;
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
