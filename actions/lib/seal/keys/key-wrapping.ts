import { createHash } from "node:crypto";
import * as openpgp from "openpgp";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { oneChunk } from "../../base/flow/chunks.ts";
import { ByteReader } from "../packets/blocks.ts";
import { type PacketHeader, packetBody, packetTag, readPacketHeader } from "../packets/packets.ts";
import type { Recipient, Signer } from "./keyring.ts";
import type { UnlockedKey } from "./private-key.ts";
import { type SessionKey, sessionKeyBytes } from "./session-key.ts";
import { signDetachedBinary, type Verdict, verifyDetached } from "./signature.ts";

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
