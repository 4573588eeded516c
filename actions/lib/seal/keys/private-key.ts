import * as openpgp from "openpgp";
import { ConfigurationError } from "../../base/errors.ts";
import { fingerprintOf, userIdOf } from "./keyring.ts";

/** A private key that is ready for use. Lives in memory only. */
export interface UnlockedKey {
  /** 40 upper-case hex digits, of the primary key. */
  readonly fingerprint: string;
  readonly userId: string;
  readonly key: openpgp.PrivateKey;
}

/**
 * Reads and unlocks one armored private key. Line breaks written as `\n`, as secret stores like to keep them, are
 * understood.
 *
 * @throws ConfigurationError `private-key-unreadable`, `passphrase-missing`, `passphrase-wrong`
 */
export async function readPrivateKey(armored: string, passphrase: string | undefined): Promise<UnlockedKey> {
  const key = await parse(armored.includes("\n") ? armored : armored.replaceAll("\\n", "\n"));
  const unlocked = await unlock(key, passphrase);
  return { fingerprint: fingerprintOf(unlocked), userId: userIdOf(unlocked), key: unlocked };
}

async function parse(armoredKey: string): Promise<openpgp.PrivateKey> {
  try {
    return await openpgp.readPrivateKey({ armoredKey });
  } catch (error) {
    throw new ConfigurationError(
      "private-key-unreadable",
      "The private key is not a whole armored OpenPGP private key.",
      "Export it again: gpg --armor --export-secret-keys <fingerprint>",
      error,
    );
  }
}

async function unlock(privateKey: openpgp.PrivateKey, passphrase: string | undefined): Promise<openpgp.PrivateKey> {
  if (privateKey.isDecrypted()) return privateKey;
  const fingerprint = fingerprintOf(privateKey);
  if (passphrase === undefined || passphrase === "") {
    throw new ConfigurationError(
      "passphrase-missing",
      `The private key ${fingerprint} is protected, and no passphrase is set.`,
      "Set its passphrase in the environment, beside the key.",
    );
  }
  try {
    return await openpgp.decryptKey({ privateKey, passphrase });
  } catch {
    // The library's error is dropped on purpose: it was made while it held the passphrase.
    throw new ConfigurationError(
      "passphrase-wrong",
      `The passphrase does not open the private key ${fingerprint}.`,
      "Check that key and passphrase belong together.",
    );
  }
}
