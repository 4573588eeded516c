import * as openpgp from "openpgp";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { oneChunk, wholeOf } from "../../base/flow/chunks.ts";
import type { Recipient } from "../keys/keyring.ts";
import type { UnlockedKey } from "../keys/private-key.ts";
import { newSessionKey, wrapSessionKey } from "../keys/session-key.ts";
import { seal } from "./message.ts";

/**
 * A small document, sealed to these recipients as one OpenPGP message with a session key of its own: `gpg --decrypt` opens it.
 * Sealing tells nobody who wrote it: what is inside has to be signed.
 *
 * @throws ConfigurationError `recipients-missing`, `recipient-unusable`
 */
export async function sealDocument(plain: Uint8Array, recipients: readonly Recipient[]): Promise<Uint8Array> {
  const key = newSessionKey();
  return Buffer.concat([await wrapSessionKey(key, recipients), await wholeOf(seal(oneChunk(plain), key))]);
}

/**
 * Opens one.
 * @param what it is, as a message begins: `The state of recovery 20261122T221500Z-1a2b3c4d`
 * @throws ConfigurationError `wrong-private-key` when it is sealed to others; OperationError `document-damaged`
 */
export async function openDocument(stored: Uint8Array, privateKey: UnlockedKey, what: string): Promise<Uint8Array> {
  let sealedTo: string[] = [];
  try {
    const message = await openpgp.readMessage({ binaryMessage: stored });
    sealedTo = message.getEncryptionKeyIDs().map((id) => id.toHex());
    const opened = await openpgp.decrypt({ message, decryptionKeys: privateKey.key, format: "binary" });
    return opened.data;
  } catch (error) {
    const own = privateKey.key.getKeyIDs().map((id) => id.toHex());
    if (sealedTo.length > 0 && !sealedTo.some((id) => own.includes(id)))
      throw new ConfigurationError(
        "wrong-private-key",
        `${what} is sealed to other keys than ${privateKey.fingerprint}: ${sealedTo.map((id) => id.toUpperCase()).join(", ")}.`,
        "Use the private key of one of these: RESTORE_PRIVATE_KEY and RESTORE_PASSPHRASE.",
      );
    throw new OperationError(
      "document-damaged",
      `${what} does not open: it was damaged or exchanged.`,
      "Look for an older version of that object in the bucket.",
      error,
    );
  }
}
