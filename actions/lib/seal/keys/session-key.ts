import { hkdfSync, randomBytes } from "node:crypto";
import type * as openpgp from "openpgp";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import type { UnlockedKey } from "./private-key.ts";

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

/**
 * The key of the lists that a run of the sync writes: HKDF-SHA256 (RFC 5869) of the signing key's secret half, bound to the
 * run. The job that signs can so open the lists of earlier runs, which hold what it reads from the source anyway, and
 * nothing else: contents are sealed with keys that it forgets. Recipients get the same key from index.keys.pgp.
 *
 * A new passphrase or expiry of the signing key changes nothing; a new signing key changes everything.
 *
 * @param run the run that wrote the lists
 * @throws ConfigurationError `signing-key-unusable` when the key's secret half is not there
 */
export function deriveIndexKey(signing: UnlockedKey, run: string): SessionKey {
  const secret = secretOf(signing);
  const derived = hkdfSync("sha256", secret, new Uint8Array(), `lifeboat-index-key/1\n${run}`, sessionKeyBytes);
  return { data: new Uint8Array(derived) };
}

/** What the commitment and the signature of an index key are made for: never the same text as a session key's. */
export function indexKeyScope(run: string): string {
  return `${run} index`;
}

function secretOf({ key, fingerprint }: UnlockedKey): Buffer {
  for (const { keyPacket } of [key, ...key.getSubkeys()]) {
    const parameters = privateParameters(keyPacket);
    if (parameters !== undefined) return parameters;
  }
  throw new ConfigurationError(
    "signing-key-unusable",
    `The signing key ${fingerprint} has no secret half that a key could be derived from.`,
    "Export it whole: gpg --armor --export-secret-keys <fingerprint>; keys on a card cannot be used.",
  );
}

/** All secret numbers of a key packet in a fixed order, each with its name and length. The library types them as `object`. */
function privateParameters(packet: openpgp.AnyKeyPacket): Buffer | undefined {
  const parameters: unknown = "privateParams" in packet ? packet.privateParams : undefined;
  if (typeof parameters !== "object" || parameters === null) return undefined;
  const numbers = Object.entries(parameters).flatMap(([name, value]: [string, unknown]) =>
    value instanceof Uint8Array ? [[name, value] as const] : [],
  );
  if (numbers.length === 0) return undefined;
  numbers.sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat(numbers.flatMap(([name, value]) => [Buffer.from(`${name} ${value.length}\n`), value]));
}
