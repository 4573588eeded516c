import { createHash, hkdfSync, randomBytes } from "node:crypto";
import * as openpgp from "openpgp";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { oneChunk } from "../../base/flow/chunks.ts";
import { ByteReader } from "../packets/blocks.ts";
import { type PacketHeader, packetBody, packetTag, readPacketHeader } from "../packets/packets.ts";
import type { Recipient, Signer } from "./keyring.ts";
import type { UnlockedKey } from "./private-key.ts";
import { signDetachedBinary, type Verdict, verifyDetached } from "./signature.ts";

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

const damagedNext = "Restore an older version of that object, or use another set.";

/**
 * The session key to each recipient: binary PKESK packets (version 3), the content of keys.pgp. An expired recipient is
 * sealed to as well, because a backup that is made late is worth more than a key that is renewed in time; see
 * `expiredRecipients` for the warning.
 *
 * @throws ConfigurationError `recipients-missing`, `recipient-unusable`
 */
export async function wrapSessionKey(key: SessionKey, recipients: readonly Recipient[]): Promise<Uint8Array> {
  if (recipients.length === 0) {
    throw new ConfigurationError("recipients-missing", "There is nobody to seal to.", "Pin recipients in the policy.");
  }
  return Buffer.concat(await Promise.all(recipients.map((recipient) => wrapTo(key, recipient))));
}

/** Those whose time is over at `now`: to be warned of, loudly. */
export function expiredRecipients<R extends Recipient>(recipients: readonly R[], now: Date): R[] {
  return recipients.filter((recipient) => recipient.expires !== null && recipient.expires <= now);
}

async function wrapTo(key: SessionKey, recipient: Recipient): Promise<Uint8Array> {
  const now = new Date();
  const expired = recipient.expires !== null && recipient.expires <= now;
  try {
    return await openpgp.encryptSessionKey({
      data: key.data,
      algorithm: "aes256",
      encryptionKeys: recipient.key,
      format: "binary",
      // As of its last second: what the library refuses is only the age.
      date: expired && recipient.expires !== null ? new Date(recipient.expires.getTime() - 1000) : now,
    });
  } catch (error) {
    throw new ConfigurationError(
      "recipient-unusable",
      `The session key cannot be sealed to ${recipient.fingerprint} (${recipient.userId}).`,
      "See `lifeboat keys check`; replace the key and its pin.",
      error,
    );
  }
}

/**
 * Takes the session key out of keys.pgp.
 *
 * @throws ConfigurationError `wrong-private-key` when it is sealed to others (names the key ids);
 * OperationError `keys-damaged`
 */
export async function unwrapSessionKey(keysPgp: Uint8Array, privateKey: UnlockedKey): Promise<SessionKey> {
  const message = await readKeysFile(keysPgp);
  const sealedTo = message.getEncryptionKeyIDs().map((id) => id.toHex().toUpperCase());
  let found: { data: Uint8Array; algorithm: string | null }[];
  try {
    found = await openpgp.decryptSessionKeys({ message, decryptionKeys: privateKey.key });
  } catch (error) {
    const own = privateKey.key.getKeyIDs().map((id) => id.toHex().toUpperCase());
    if (sealedTo.some((id) => own.includes(id))) throw keysDamaged("its entry for this key does not open", error);
    throw new ConfigurationError(
      "wrong-private-key",
      `The private key ${privateKey.fingerprint} is none of those that the set is sealed to: ${sealedTo.join(", ")}.`,
      "Use the private key of one of these; the policy's pins and the manifest say whose they are.",
    );
  }
  const [first] = found;
  if (first?.algorithm !== "aes256" || first.data.length !== sessionKeyBytes) {
    throw keysDamaged("the session key is not one for AES-256");
  }
  return { data: Uint8Array.from(first.data) };
}

/**
 * Ids (16 upper-case hex digits) of the keys, mostly subkeys, that keys.pgp is sealed to.
 *
 * @throws OperationError `keys-damaged`
 */
export async function wrappedKeyIds(keysPgp: Uint8Array): Promise<string[]> {
  const message = await readKeysFile(keysPgp);
  return message.getEncryptionKeyIDs().map((id) => id.toHex().toUpperCase());
}

async function readKeysFile(keysPgp: Uint8Array): Promise<openpgp.Message<Uint8Array>> {
  await assertOnlyWrappedKeys(keysPgp);
  let message: openpgp.Message<Uint8Array>;
  try {
    message = await openpgp.readMessage({ binaryMessage: keysPgp });
  } catch (error) {
    throw keysDamaged("it cannot be parsed", error);
  }
  if (message.getEncryptionKeyIDs().length === 0) throw keysDamaged("it holds no sealed session key");
  return message;
}

/**
 * Refuses keys.pgp that holds anything but sealed session keys: what else is in front of a body, a program that opens them
 * together prints as if it had been sealed (gpg 2.2 does, and calls it good).
 *
 * @throws OperationError `keys-damaged`
 */
export async function assertOnlyWrappedKeys(keysPgp: Uint8Array): Promise<void> {
  const reader = new ByteReader(oneChunk(keysPgp));
  for (let count = 0; ; count++) {
    const header = await packetOf(reader);
    if (header === undefined && count > 0) return;
    if (header === undefined) throw keysDamaged("it is empty");
    if (header.tag === packetTag.publicKeyEncryptedSessionKey && header.first.bytes !== "rest" && !header.first.partial)
      continue;
    throw keysDamaged(
      `it holds more than sealed session keys (OpenPGP packet ${header.tag}), so somebody has exchanged it`,
    );
  }
}

/** The next packet's header, its body passed over. */
async function packetOf(reader: ByteReader): Promise<PacketHeader | undefined> {
  try {
    const header = await readPacketHeader(reader);
    if (header?.tag === packetTag.publicKeyEncryptedSessionKey) for await (const _ of packetBody(reader, header));
    return header;
  } catch (error) {
    throw keysDamaged("it cannot be parsed", error);
  }
}

function keysDamaged(why: string, cause?: unknown): OperationError {
  return new OperationError("keys-damaged", `The set's keys.pgp is damaged: ${why}.`, damagedNext, cause);
}

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
