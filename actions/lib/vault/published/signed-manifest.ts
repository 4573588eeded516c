import type { z } from "zod";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import type { Lease } from "../lease/lease.ts";
import type { Vault } from "../s3/client.ts";
import { assertStored } from "../s3/read-back.ts";
import { isConditionFailed, isMissing } from "../s3/store-errors.ts";

export const manifestName = "manifest.json";
export const signatureName = "manifest.json.sig";
const maxSignatureBytes = 64 * 1024;
/** Why a manifest without a signature is not to be trusted. */
export const notSigned = "it is not signed";

/** Who signed, and when. */
export interface SignedBy {
  readonly fingerprint: string;
  readonly signedAt: Date;
}

/** Checks a detached, armored signature against the trusted keys; throws when it is not theirs (`seal/keys/signature.ts`). */
export type VerifySignature = (bytes: Uint8Array, armored: string) => Promise<SignedBy>;

/** Makes the error for a manifest that is not to be believed. */
export type Untrusted = (why: string) => Error;

/**
 * Makes visible what lies below a prefix: the signature first, then, under the lease, the manifest. Neither replaces anything.
 * @param bytes what `signature` (armored) covers
 * @throws OperationError `set-taken` when another writer was first, `lease-lost` (with the manifest there when it was lost in
 * that very moment), `s3-unavailable`; `stored-differs` when the store does not hold what it said it had stored
 */
export async function publishManifest(
  vault: Vault,
  prefix: string,
  bytes: Uint8Array,
  signature: string,
  options: { lease: Pick<Lease, "assertHeld">; signal?: AbortSignal },
): Promise<void> {
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
  await put(manifestName, bytes, "application/json");
  // Nobody removes what is younger than a day (`removeLeftovers`), but a machine may have slept between those two lines.
  await options.lease.assertHeld().catch((error: unknown) => {
    if (!(error instanceof LifeboatError && error.code === "lease-lost")) return;
    throw new OperationError(
      "lease-lost",
      `The lease went to somebody else while ${prefix}${manifestName} was being published: it is there, and this run cannot say whether all that it names still is`,
      "Read it again with `lifeboat verify`, or run again for another.",
    );
  });
  await assertStored(vault, prefix + manifestName, bytes);
}

/**
 * Reads the manifest below a prefix and checks its signature; undefined when there is none.
 * @param maxBytes a longer one is refused unread
 * @throws what `untrusted` makes when it is not signed, or not by a trusted key
 */
export async function readManifest(
  vault: Vault,
  prefix: string,
  maxBytes: number,
  verify: VerifySignature,
  untrusted: Untrusted,
): Promise<{ bytes: Uint8Array; signature: string; signedBy: SignedBy } | undefined> {
  const [bytes, armored] = await Promise.all([
    readDocument(vault, prefix + manifestName, maxBytes, untrusted),
    readDocument(vault, prefix + signatureName, maxSignatureBytes, untrusted),
  ]);
  if (bytes === undefined) return undefined;
  if (armored === undefined) throw untrusted(notSigned);
  const signature = Buffer.from(armored).toString("latin1");
  const signedBy = await verify(bytes, signature).catch((error: unknown) => {
    throw untrusted(error instanceof LifeboatError ? error.message : "its signature is not by a trusted key");
  });
  return { bytes, signature, signedBy };
}

/**
 * @param format its name, for the message
 * @throws what `untrusted` makes when the bytes are not JSON of the schema's form
 */
export function parseDocument<Document>(
  bytes: Uint8Array,
  schema: z.ZodType<Document>,
  format: string,
  untrusted: Untrusted,
): Document {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw untrusted("it is not JSON");
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join(".");
  throw untrusted(`it does not have the form of ${format}${where ? ` (${where})` : ""}`);
}

async function readDocument(vault: Vault, key: string, maxBytes: number, untrusted: Untrusted) {
  try {
    return (await vault.get(key, { maxBytes })).body;
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (error instanceof LifeboatError && error.code === "s3-too-large") throw untrusted(`${key} is too large`);
    throw error;
  }
}
