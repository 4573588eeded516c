import { ConfigurationError } from "../../base/errors.ts";
import { type MarkedBlock, marked, replaceMarked } from "../../config/policy-file.ts";
import {
  type KeyRole,
  type Keyring,
  type Recipient,
  type RecipientRole,
  recipientRoles,
  type Signer,
} from "./keyring.ts";

/** The policy's `keys`: fingerprints of primary keys, 40 upper-case hex digits. Null: not made yet. */
export interface Pins {
  readonly recipients: Readonly<Record<RecipientRole, string | null>>;
  /** Newest first; older ones stay so that old signatures verify. */
  readonly signing: readonly string[];
  /** To which nothing is sealed any more, and whose signatures count where the policy says so. */
  readonly former?: readonly string[] | undefined;
}

const block: MarkedBlock = { name: "pins", entry: "keys: {…}," };

/** The `keys: {…}` entry of the policy, between its marks, indented by `indent`. */
export function renderPins(pins: Pins, indent = "  "): string {
  return marked(block, linesOf(pins), indent).join("\n");
}

function linesOf(pins: Pins): string[] {
  const quoted = (fingerprint: string | null): string => (fingerprint === null ? "null" : `"${fingerprint}"`);
  const signing = pins.signing.map(quoted).join(", ");
  return [
    "keys: {",
    "  recipients: {",
    ...recipientRoles.map((role) => `    ${role}: ${quoted(pins.recipients[role])},`),
    "  },",
    ...(signing.length < 100
      ? [`  signing: [${signing}],`]
      : ["  signing: [", ...pins.signing.map((pin) => `    ${quoted(pin)},`), "  ],"]),
    "},",
  ];
}

/** The policy's text with its pins replaced. @throws ConfigurationError `pins-block-missing` */
export function replacePins(policyText: string, pins: Pins): string {
  return replaceMarked(policyText, block, linesOf(pins));
}

export interface KeyFinding {
  readonly level: "error" | "warning";
  /** Stable and kebab-case, e.g. `recipient-unpinned`. */
  readonly code: string;
  /** Fingerprint, or the role when there is none. */
  readonly key: string;
  readonly message: string;
  readonly next: string;
}

interface KeyRow {
  readonly role: KeyRole | "unpinned";
  readonly fingerprint: string | null;
  readonly userId: string | null;
  /** As OpenPGP calls it, e.g. `curve25519Legacy` for the part that is sealed to. */
  readonly algorithm: string | null;
  readonly expires: Date | null;
  readonly state: "ok" | "expiring" | "expired" | "missing" | "unpinned" | "unset";
}

export interface KeyCheck {
  readonly rows: readonly KeyRow[];
  readonly findings: readonly KeyFinding[];
}

const day = 24 * 60 * 60 * 1000;
const renew = "Make its successor with `lifeboat keys generate`, pin it, and `lifeboat keys rewrap` the sets.";

/**
 * Holds the public keys against the policy's pins. Errors are what must stop a backup (it would be sealed to nobody, to
 * a stranger, or to too few); age never is one, only a warning that begins `warnDays` before (default: 90) and
 * stays after expiry.
 */
export function checkKeys(keyring: Keyring, pins: Pins, now: Date, warnDays = 90): KeyCheck {
  const findings: KeyFinding[] = [];
  const say = (level: KeyFinding["level"], code: string, key: string, message: string, next: string): void => {
    findings.push({ level, code, key, message, next });
  };
  const row = (role: KeyRow["role"], key: Recipient): KeyRow => {
    const age = ageOf(key, now, warnDays);
    if (age !== "ok") {
      const when = key.expires?.toISOString().slice(0, 10) ?? "";
      const text = age === "expired" ? `expired on ${when}; it is still used` : `expires on ${when}`;
      say("warning", `key-${age}`, key.fingerprint, `The ${role} key ${key.fingerprint} ${text}.`, renew);
    }
    return { ...described(role, key), state: age };
  };

  const rows: KeyRow[] = [];
  for (const role of recipientRoles) {
    const pin = pins.recipients[role];
    const key = keyring.recipients.find(({ fingerprint }) => fingerprint === pin);
    if (pin === null) rows.push({ ...absent(role, null), state: "unset" });
    else if (key !== undefined) rows.push(row(role, key));
    else {
      rows.push({ ...absent(role, pin), state: "missing" });
      const signOnly = keyring.signers.some(({ fingerprint }) => fingerprint === pin);
      const why = signOnly ? "cannot be sealed to: it has no encryption subkey" : "is not among the public keys";
      const next = "Put its public half (.asc) into .github/keys or BACKUP_PUBLIC_KEYS, or correct the pin.";
      say("error", signOnly ? "recipient-unusable" : "recipient-missing", pin, `The ${role} key ${pin} ${why}.`, next);
    }
  }
  pins.signing.forEach((pin, index) => {
    const key = keyring.signers.find(({ fingerprint }) => fingerprint === pin);
    // Age matters for the one that signs, not for those that only verify.
    if (key !== undefined) rows.push(index === 0 ? row("signing", key) : { ...described("signing", key), state: "ok" });
    else {
      rows.push({ ...absent("signing", pin), state: "missing" });
      const what = `The signing key ${pin} is not among the public keys: what it signed cannot be verified.`;
      const next = "Put its public half (.asc) into .github/keys or BACKUP_PUBLIC_KEYS.";
      say(index === 0 ? "error" : "warning", "signing-key-missing", pin, what, next);
    }
  });
  if (pins.signing.length === 0) {
    const next = "Make one with `lifeboat keys generate --pin`.";
    say("error", "signing-key-unpinned", "signing", "No signing key is pinned: nobody could tell our sets.", next);
  }

  const pinned = new Set<string | null>([...Object.values(pins.recipients), ...pins.signing, ...(pins.former ?? [])]);
  const strangers = new Map([...keyring.recipients, ...keyring.signers].map((key) => [key.fingerprint, key]));
  for (const key of strangers.values()) {
    if (pinned.has(key.fingerprint)) continue;
    rows.push({ ...described("unpinned", key), state: "unpinned" });
    const message = `The public key ${key.fingerprint} (${key.userId}) is not pinned in the policy.`;
    say("error", "recipient-unpinned", key.fingerprint, message, "Pin it, if it is yours; else remove it at once.");
  }
  checkCount(pins, say);
  return { rows, findings };
}

function checkCount(
  pins: Pins,
  say: (...finding: [KeyFinding["level"], string, string, string, string]) => void,
): void {
  const count = new Set(Object.values(pins.recipients).filter((pin) => pin !== null)).size;
  const next = "Make the missing ones with `lifeboat keys generate --pin`.";
  if (count === 0) say("error", "recipients-missing", "recipients", "No recipient is pinned in the policy.", next);
  if (count === 1) say("error", "recipients-too-few", "recipients", "Only one recipient: its loss loses all.", next);
  if (count > 0 && pins.recipients.escrow === null) {
    const message = "No escrow key is pinned: nothing opens the sets when everything online is lost.";
    say("error", "escrow-missing", "escrow", message, next);
  }
}

function ageOf(key: Recipient, now: Date, warnDays: number): "ok" | "expiring" | "expired" {
  if (key.expires === null) return "ok";
  if (key.expires <= now) return "expired";
  return key.expires.getTime() - now.getTime() < warnDays * day ? "expiring" : "ok";
}

function described(
  role: KeyRow["role"],
  { fingerprint, userId, expires, algorithm }: Recipient,
): Omit<KeyRow, "state"> {
  return { role, fingerprint, userId, algorithm, expires };
}

function absent(role: KeyRole, fingerprint: string | null): Omit<KeyRow, "state"> {
  return { role, fingerprint, userId: null, algorithm: null, expires: null };
}

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
