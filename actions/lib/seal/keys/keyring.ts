import * as openpgp from "openpgp";
import { ConfigurationError } from "../../base/errors.ts";

export type KeyRole = "operations" | "prover" | "escrow" | "signing";
export const recipientRoles = ["operations", "prover", "escrow"] as const;
export type RecipientRole = (typeof recipientRoles)[number];

/** Whether a role may open what stays closed to the unattended prover: Vault's secrets. */
export const opensSecrets = ({ role }: { readonly role: string }): boolean =>
  role === "operations" || role === "escrow";

/** A public key that can be sealed to. */
export interface Recipient {
  /** 40 upper-case hex digits, of the primary key. */
  readonly fingerprint: string;
  readonly userId: string;
  /** When the primary key or its encryption subkey expires, whichever is first; null: never. */
  readonly expires: Date | null;
  /** Of the part that is used, as openpgp.js names it, e.g. `ecdh curve25519Legacy` or `rsaEncryptSign 4096`. */
  readonly algorithm: string;
  readonly key: openpgp.PublicKey;
}

/** A public key that signatures are checked with. Same form; `expires` is the signing key's. */
export type Signer = Recipient;

/** What was found in a text of armored keys, by what the keys can do (one that can do both stands in both). */
export interface Keyring {
  readonly recipients: readonly Recipient[];
  readonly signers: readonly Signer[];
}

const publicBlock = /-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g;

/**
 * Reads every public key of a text of armored blocks (the files of `.github/keys` joined, say). A key that occurs twice
 * counts once. No block at all gives an empty keyring.
 *
 * @throws ConfigurationError `private-key-in-public-keys`, `public-key-unreadable`, `public-key-unsupported` (version),
 * `public-key-unusable` (revoked, or able to neither encrypt nor sign)
 */
export async function readKeyring(armored: string): Promise<Keyring> {
  if (armored.includes("BEGIN PGP PRIVATE KEY BLOCK")) {
    throw new ConfigurationError(
      "private-key-in-public-keys",
      "A private key stands among the public keys.",
      "Take it out, and treat it as known to everybody who could read it: make a new key.",
    );
  }
  const found = new Map<string, openpgp.PublicKey>();
  for (const [block] of armored.matchAll(publicBlock)) {
    for (const key of await parse(block)) found.set(fingerprintOf(key), key);
  }
  const recipients: Recipient[] = [];
  const signers: Signer[] = [];
  for (const key of found.values()) {
    const name = `${fingerprintOf(key)} (${userIdOf(key)})`;
    if (await key.isRevoked()) {
      throw unusable(name, "it has been revoked", "Replace it by its successor in the public keys and the pins.");
    }
    const [encrypting, signing] = [await capability(key, "encrypt"), await capability(key, "sign")];
    // Our encryption keys can sign as well (their primary key certifies and signs): what a key is used for follows
    // from its being able to be sealed to, and at last from the pins.
    if (encrypting !== undefined) recipients.push(encrypting);
    if (signing !== undefined) signers.push(signing);
    if (encrypting === undefined && signing === undefined) {
      throw unusable(name, "it can neither encrypt nor sign", "Make a new key with `lifeboat keys generate`.");
    }
  }
  return { recipients, signers };
}

export function fingerprintOf(key: openpgp.Key): string {
  return key.getFingerprint().toUpperCase();
}

export function userIdOf(key: openpgp.Key): string {
  return key.getUserIDs()[0] ?? "no user id";
}

async function parse(block: string): Promise<openpgp.PublicKey[]> {
  let keys: openpgp.PublicKey[];
  try {
    keys = (await openpgp.readKeys({ armoredKeys: block })).map((key) => key.toPublic());
  } catch (error) {
    throw new ConfigurationError(
      "public-key-unreadable",
      "A block of the public keys is not a whole OpenPGP key.",
      "Export it again: gpg --armor --export <fingerprint>",
      error,
    );
  }
  for (const key of keys) {
    if (key.keyPacket.version === 4) continue;
    throw new ConfigurationError(
      "public-key-unsupported",
      `The key ${fingerprintOf(key)} is of version ${key.keyPacket.version}; GnuPG 2.2 cannot read it.`,
      "Use a version 4 key, e.g. from `lifeboat keys generate`.",
    );
  }
  return keys;
}

/**
 * Undefined: the key cannot do it, whatever the date. A key whose time is over can still do it here; its age is judged
 * by those who ask for it.
 */
export async function capability(key: openpgp.PublicKey, use: "encrypt" | "sign"): Promise<Recipient | undefined> {
  const able = (await partFor(key, use, new Date())) ?? (await partFor(key, use, null));
  if (able === undefined) return undefined;
  const ends = [await key.getExpirationTime(), able instanceof openpgp.Subkey ? await able.getExpirationTime() : null];
  const earliest = Math.min(...ends.map((end) => (end instanceof Date ? end.getTime() : Number.POSITIVE_INFINITY)));
  const expires = Number.isFinite(earliest) ? new Date(earliest) : null;
  const { algorithm, curve, bits } = able.getAlgorithmInfo();
  const named = [algorithm, curve ?? bits].filter((part) => part !== undefined).join(" ");
  return { fingerprint: fingerprintOf(key), userId: userIdOf(key), expires, algorithm: named, key };
}

/** The primary key or subkey for a use; with `date` null also one that has expired. */
async function partFor(
  key: openpgp.PublicKey,
  use: "encrypt" | "sign",
  date: Date | null,
): Promise<openpgp.PublicKey | openpgp.Subkey | undefined> {
  try {
    return await (use === "encrypt" ? key.getEncryptionKey(undefined, date) : key.getSigningKey(undefined, date));
  } catch {
    return undefined;
  }
}

function unusable(name: string, why: string, next: string): ConfigurationError {
  return new ConfigurationError("public-key-unusable", `The key ${name} cannot be used: ${why}.`, next);
}
