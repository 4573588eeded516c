import { createHash } from "node:crypto";
import { OperationError } from "../../base/errors.ts";
import type { Signer } from "./keyring.ts";
import type { UnlockedKey } from "./private-key.ts";
import { signDetachedBinary, type Verdict, verifyDetached } from "./signature.ts";

/** Name of the S3 user metadata of keys.pgp that holds its signature (base64 of a binary detached one). */
export const keysSignatureMetadata = "lifeboat-keys-signature";
export const keysFileName = "keys.pgp";
/** The second session key of a database set: of what the unattended prover must not open. */
export const secretsFileName = "secrets.pgp";

/** What secrets.pgp is signed for, and its session key bound to, in the place of the set's id: neither is ever the other. */
export const secretsScope = (set: string): string => `${set} secrets`;

/** Signs keys.pgp as belonging to a set: what `keysSignatureMetadata` is to hold. */
export async function signKeysFile(set: string, keysPgp: Uint8Array, key: UnlockedKey): Promise<string> {
  return Buffer.from(await signDetachedBinary(statement(set, keysPgp), key)).toString("base64");
}

/**
 * Refuses keys.pgp of another set, or one that nobody trusted has signed, before any private key is needed.
 *
 * @param metadata the object's user metadata
 * @throws OperationError `keys-unsigned`, `signature-unreadable`, `signature-foreign`, `signature-invalid`
 */
export async function verifyKeysFile(
  set: string,
  keysPgp: Uint8Array,
  metadata: Readonly<Record<string, string>> | undefined,
  trusted: readonly Signer[],
): Promise<Verdict> {
  const signature = metadata?.[keysSignatureMetadata];
  if (signature === undefined || signature === "") {
    throw new OperationError(
      "keys-unsigned",
      `keys.pgp of set ${set} bears no signature.`,
      "It was written by somebody else, or copied without its metadata: restore the version that the backup wrote.",
    );
  }
  return verifyDetached(statement(set, keysPgp), Uint8Array.from(Buffer.from(signature, "base64")), trusted);
}

function statement(set: string, keysPgp: Uint8Array): Uint8Array {
  const sha256 = createHash("sha256").update(keysPgp).digest("hex");
  return new TextEncoder().encode(`lifeboat-keys/1\n${set}\n${sha256}\n`);
}
