import * as openpgp from "openpgp";
import { ConfigurationError } from "../../base/errors.ts";
import { fingerprintOf, type KeyRole, userIdOf } from "./keyring.ts";

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

interface KeyRequest {
  readonly role: KeyRole;
  /** Stands in the key's user id, e.g. the project's name. */
  readonly project: string;
  readonly passphrase: string;
  /** When the key stops being current. */
  readonly expires: Date;
  /** When the key begins to be valid; default: now. */
  readonly created?: Date;
}

export interface NewKey {
  readonly role: KeyRole;
  readonly fingerprint: string;
  readonly userId: string;
  readonly expires: Date;
  readonly publicArmored: string;
  /** Protected by the passphrase. */
  readonly privateArmored: string;
  readonly revocationArmored: string;
}

/**
 * A version 4 key on Curve25519 in the form that GnuPG 2.2 knows (EdDSA and ECDH with OIDs, not the algorithms of RFC
 * 9580). Roles that open get an encryption subkey; the signing key has none, so nothing can be sealed to it.
 */
export async function generateKey(request: KeyRequest): Promise<NewKey> {
  // A little in the past, for machines whose clock is behind: a key from the future is refused everywhere.
  const created = wholeSeconds(request.created ?? new Date(Date.now() - 60_000));
  const expires = wholeSeconds(request.expires);
  const name = `${request.project} backup ${request.role}`;
  const made = await openpgp.generateKey({
    type: "ecc",
    curve: "curve25519Legacy",
    userIDs: [{ name }],
    passphrase: request.passphrase,
    date: created,
    keyExpirationTime: (expires.getTime() - created.getTime()) / 1000,
    subkeys: request.role === "signing" ? [] : [{}],
    format: "object",
    // Iterated and salted S2K over AES-256-CFB with SHA-1 check: what GnuPG 2.2 can import.
    config: { v6Keys: false, aeadProtect: false, s2kType: openpgp.enums.s2k.iterated, s2kIterationCountByte: 0xe0 },
  });
  return {
    role: request.role,
    fingerprint: fingerprintOf(made.publicKey),
    userId: name,
    expires,
    publicArmored: made.publicKey.armor(),
    privateArmored: made.privateKey.armor(),
    revocationArmored: made.revocationCertificate,
  };
}

/** OpenPGP knows no fractions. */
function wholeSeconds(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}
