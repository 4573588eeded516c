import { hkdfSync, randomBytes } from "node:crypto";
import { OperationError } from "../../base/errors.ts";

/** The one key that all bodies of a set are sealed with. Never written anywhere but wrapped. */
export interface SessionKey {
  /** 32 bytes, AES-256. */
  readonly data: Uint8Array;
}

export const sessionKeyBytes = 32;

export function newSessionKey(): SessionKey {
  return { data: Uint8Array.from(randomBytes(sessionKeyBytes)) };
}

/**
 * What the manifest says of the session key: 64 hex digits that only this key gives in this set and that tell nothing
 * of it (HKDF-SHA256, RFC 5869). Keys put into a set from elsewhere don't match it.
 */
export function sessionKeyCommitment(key: SessionKey, set: string): string {
  const info = `lifeboat-session-key/1\n${set}`;
  return Buffer.from(hkdfSync("sha256", key.data, new Uint8Array(), info, 32)).toString("hex");
}

/** @throws OperationError `session-key-foreign` when the key is not the one that the signed manifest names */
export function assertCommitment(key: SessionKey, set: string, commitment: string): void {
  if (sessionKeyCommitment(key, set) === commitment) return;
  throw new OperationError(
    "session-key-foreign",
    `keys.pgp of set ${set} holds a session key that the set's manifest does not know.`,
    "keys.pgp was exchanged or damaged: restore an older version of that object, or use another set.",
  );
}
