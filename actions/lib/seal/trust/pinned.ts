import { ConfigurationError } from "../../base/errors.ts";
import { type Keyring, type Recipient, type RecipientRole, recipientRoles, type Signer } from "../keys/keyring.ts";
import { checkKeys } from "./check-keys.ts";
import type { Pins } from "./pins.ts";

export interface PinnedRecipient extends Recipient {
  readonly role: RecipientRole;
}

export interface PinnedKeys {
  /** Whom to seal to. */
  readonly recipients: readonly PinnedRecipient[];
  /** Whose signatures count, newest first. */
  readonly signers: readonly Signer[];
}

/**
 * The keys that the policy pins, for a run that is about to seal.
 *
 * @throws ConfigurationError with the code of the first finding that is an error (see `checkKeys`); names all of them
 */
export function pinnedKeys(keyring: Keyring, pins: Pins, now: Date = new Date()): PinnedKeys {
  const errors = checkKeys(keyring, pins, now).findings.filter(({ level }) => level === "error");
  const [first] = errors;
  if (first !== undefined) {
    throw new ConfigurationError(first.code, errors.map(({ message }) => message).join(" "), first.next);
  }
  return { recipients: recipientsOf(keyring, pins), signers: pinnedSigners(keyring, pins) };
}

/** Whose signatures count, newest first: all that reading a set needs, whatever is wrong with the recipients. */
export function pinnedSigners(keyring: Keyring, pins: Pick<Pins, "signing">): Signer[] {
  return pins.signing.flatMap((pin) => keyring.signers.filter(({ fingerprint }) => fingerprint === pin));
}

function recipientsOf(keyring: Keyring, pins: Pins): PinnedRecipient[] {
  return recipientRoles.flatMap((role) =>
    keyring.recipients
      .filter(({ fingerprint }) => fingerprint === pins.recipients[role])
      .map((recipient) => ({ ...recipient, role })),
  );
}
