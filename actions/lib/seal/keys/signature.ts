import * as openpgp from "openpgp";
import { z } from "zod";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { capability, type Signer } from "./keyring.ts";
import type { UnlockedKey } from "./private-key.ts";

export interface Verdict {
  /** Of the primary key that signed: 40 upper-case hex digits. */
  readonly fingerprint: string;
  readonly signedAt: Date;
}

/** How far the clock of the machine that signed may be ahead of ours. */
const clockToleranceMs = 24 * 60 * 60 * 1000;

/**
 * Detached signature over bytes, armored. A key that has expired signs as of its last second: it is warned of long
 * before, and a backup without a signature would be worth less than one whose signature bears an old date.
 *
 * @throws ConfigurationError `signing-key-unusable` (revoked, or not able to sign)
 */
export async function signDetached(bytes: Uint8Array, key: UnlockedKey): Promise<string> {
  const message = await openpgp.createMessage({ binary: bytes });
  return signing(key, (date) =>
    openpgp.sign({ message, signingKeys: key.key, detached: true, format: "armored", date }),
  );
}

/** The same in binary, for places that are short of room. */
export async function signDetachedBinary(bytes: Uint8Array, key: UnlockedKey): Promise<Uint8Array> {
  const message = await openpgp.createMessage({ binary: bytes });
  return signing(key, (date) =>
    openpgp.sign({ message, signingKeys: key.key, detached: true, format: "binary", date }),
  );
}

/**
 * Checks a detached signature, armored or binary, against the keys that are trusted to sign (from `pinnedKeys`). The
 * signing key must have been valid when it signed: later expiry or rotation does not spoil old signatures.
 *
 * @throws OperationError `signature-unreadable`, `signature-foreign` (by a key that is not trusted),
 * `signature-invalid`
 */
export async function verifyDetached(
  bytes: Uint8Array,
  signature: string | Uint8Array,
  trusted: readonly Signer[],
): Promise<Verdict> {
  const parsed = await parse(signature);
  const [packet] = parsed.packets;
  if (packet === undefined || parsed.packets.length !== 1) throw unreadable("it is not exactly one signature");
  // A signature over text ignores how lines end: more than one content would fit it.
  if (packet.signatureType !== openpgp.enums.signature.binary) throw unreadable("it is not one over bytes");
  const keyId = packet.issuerKeyID.toHex();
  const signer = trusted.find(({ key }) => key.getKeyIDs().some((id) => id.toHex() === keyId));
  if (signer === undefined) {
    throw new OperationError(
      "signature-foreign",
      `It is signed by key ${keyId.toUpperCase()}, which is not among the pinned signing keys.`,
      "If that key is yours, pin it under `signing` and put its public half into the public keys; else trust nothing in it.",
    );
  }
  const message = await openpgp.createMessage({ binary: bytes });
  const result = await openpgp.verify({
    message,
    signature: parsed,
    verificationKeys: signer.key,
    date: new Date(Date.now() + clockToleranceMs),
  });
  try {
    await result.signatures[0]?.verified;
  } catch (error) {
    throw new OperationError(
      "signature-invalid",
      `The signature by ${signer.fingerprint} does not fit the content, or that key was not valid when it was made.`,
      "What is signed was changed: use another set.",
      error,
    );
  }
  if (packet.created === null || result.signatures.length !== 1) throw unreadable("it bears no date");
  return { fingerprint: signer.fingerprint, signedAt: packet.created };
}

async function signing<T>(key: UnlockedKey, work: (date: Date) => Promise<T>): Promise<T> {
  const now = new Date();
  const expires = (await capability(key.key, "sign"))?.expires ?? null;
  try {
    return await work(expires !== null && expires <= now ? new Date(expires.getTime() - 1000) : now);
  } catch (error) {
    throw new ConfigurationError(
      "signing-key-unusable",
      `The key ${key.fingerprint} (${key.userId}) cannot sign: it was revoked, or is not made for it.`,
      "See `lifeboat keys check`; make a new signing key with `lifeboat keys generate` and pin it before the old one.",
      error,
    );
  }
}

async function parse(signature: string | Uint8Array): Promise<openpgp.Signature> {
  try {
    return await (typeof signature === "string"
      ? openpgp.readSignature({ armoredSignature: signature })
      : openpgp.readSignature({ binarySignature: signature }));
  } catch (error) {
    throw unreadable("it cannot be parsed", error);
  }
}

function unreadable(why: string, cause?: unknown): OperationError {
  return new OperationError(
    "signature-unreadable",
    `The signature cannot be used: ${why}.`,
    "It was damaged or exchanged: use another set.",
    cause,
  );
}

/** Makes a detached, armored signature over bytes (`signDetached`). */
export type SignBytes = (bytes: Uint8Array) => Promise<string>;

/** Checks one; rejects when it is not by a trusted key (`verifyDetached`). */
type VerifyBytes = (bytes: Uint8Array, armored: string) => Promise<unknown>;

/** Whether what this key signs is accepted: tried out, before anything is written that nobody would believe. */
export async function signatureCounts(sign: SignBytes, verify: VerifyBytes): Promise<boolean> {
  const trial = Buffer.from("Lifeboat tries out whether this key counts.");
  const signature = await sign(trial);
  return verify(trial, signature).then(
    () => true,
    () => false,
  );
}

/** The document as text, because a signature is over bytes. */
const noteSchema = z.strictObject({
  format: z.literal("lifeboat-note/1"),
  document: z.string(),
  signature: z.string(),
});

/**
 * A small document for the vault that says whose word it is: its text and a signature over it, in one object. Without a key
 * to sign with, the document alone.
 *
 * @param document names its own form in `format`, so that a note of one kind is never taken for one of another
 */
export async function writeNote<Document extends { readonly format: string }>(
  document: Document,
  sign: SignBytes | undefined,
): Promise<Buffer> {
  const text = JSON.stringify(document, null, 2);
  if (sign === undefined) return Buffer.from(`${text}\n`);
  const note = { format: "lifeboat-note/1", document: text, signature: await sign(Buffer.from(text)) };
  return Buffer.from(`${JSON.stringify(note)}\n`);
}

/**
 * Reads such a document. Whoever can write the bucket can write one without a signature, or change one: it is `trusted`
 * only when a trusted key signed it.
 *
 * @returns undefined for what is not JSON
 */
export async function readNote(
  bytes: Uint8Array,
  verify: VerifyBytes,
): Promise<{ readonly document: unknown; readonly trusted: boolean } | undefined> {
  const json = parseJson(bytes);
  const note = noteSchema.safeParse(json).data;
  if (note === undefined) return json === undefined ? undefined : { document: json, trusted: false };
  const text = Buffer.from(note.document);
  const document = parseJson(text);
  if (document === undefined) return undefined;
  const trusted = await verify(text, note.signature).then(
    () => true,
    () => false,
  );
  return { document, trusted };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
