import { randomBytes } from "node:crypto";
import { ConfigurationError } from "../../base/errors.ts";
import type { KeyRole } from "../../seal/keys/keyring.ts";

/** Without letters that look like digits or like each other when written down. */
const alphabet = "abcdefghjkmnpqrstuvwxyz023456789";
const groups = 7;
const groupLength = 5;
const shortest = 16;

/** A passphrase of 175 random bits, in groups that can be copied from paper. */
export function newPassphrase(): string {
  const letters = [...randomBytes(groups * groupLength)].map((byte) => alphabet[byte % alphabet.length]).join("");
  return (letters.match(new RegExp(`.{${groupLength}}`, "g")) ?? []).join("-");
}

/** `OPERATIONS_KEY_PASSPHRASE` and so on: where a passphrase of one's own is taken from. */
export function passphraseVariable(role: KeyRole): string {
  return `${role.toUpperCase()}_KEY_PASSPHRASE`;
}

/**
 * The passphrase that the environment gives for a role; undefined when it gives none.
 *
 * @throws ConfigurationError `passphrase-too-short`
 */
export function givenPassphrase(env: Readonly<Record<string, string | undefined>>, role: KeyRole): string | undefined {
  const given = env[passphraseVariable(role)];
  if (given === undefined || given === "") return undefined;
  if (given.length >= shortest) return given;
  throw new ConfigurationError(
    "passphrase-too-short",
    `${passphraseVariable(role)} has fewer than ${shortest} characters.`,
    "Take a longer one, or unset it to have a strong one made.",
  );
}
