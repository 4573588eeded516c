import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { z } from "zod";
import { ConfigurationError, LifeboatError, OperationError } from "../../base/errors.ts";
import { openDocument, sealDocument } from "../../seal/body/document.ts";
import type { Recipient } from "../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { readNote, type SignBytes, writeNote } from "../../seal/keys/signature.ts";
import { fingerprint, sha256 } from "../format/manifest.ts";
import type { VerifySignature } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { assertStored } from "../s3/read-back.ts";
import { readAsWritten } from "../s3/versions.ts";
import { keyKey } from "./entries.ts";

/** The key that a person's values are hashed with: without it a list of all users tells nothing of who is in the ledger. */
export interface HashKey {
  readonly data: Uint8Array;
}

export function newHashKey(): HashKey {
  return { data: Uint8Array.from(randomBytes(32)) };
}

/** What entries say of the key: only this key gives it (HKDF-SHA256, RFC 5869). */
export function commitmentOf({ data }: HashKey): string {
  return Buffer.from(hkdfSync("sha256", data, new Uint8Array(), "lifeboat-erasures/1", 32)).toString("hex");
}

/** HMAC-SHA-256 of a value in a place, as the replay computes it in SQL. */
export function hashOfValue({ data }: HashKey, place: string, value: string): string {
  return createHmac("sha256", data).update(`${place}\n${value}`).digest("hex");
}

/** The two blocks of HMAC (RFC 2104): its hash is sha256(outer || sha256(inner || text)), which SQL can say. */
export function blocksOf({ data }: HashKey): { readonly inner: Buffer; readonly outer: Buffer } {
  const key = Buffer.concat([data, Buffer.alloc(64 - data.length)]);
  const padded = (pad: number): Buffer => Buffer.from(key.map((byte) => byte ^ pad));
  return { inner: padded(0x36), outer: padded(0x5c) };
}

const schema = z.strictObject({
  format: z.literal("lifeboat-erasure-key/1"),
  commitment: sha256,
  sealedTo: z.array(fingerprint).min(1),
  /** OpenPGP, base64. */
  sealed: z.base64(),
});

/** Puts the key into the vault, sealed. @throws OperationError `stored-differs`, `s3-unavailable` */
export async function storeHashKey(
  vault: Vault,
  key: HashKey,
  recipients: readonly Recipient[],
  sign: SignBytes,
): Promise<string> {
  const commitment = commitmentOf(key);
  const sealed = await sealDocument(key.data, recipients);
  const note = {
    ...{ format: "lifeboat-erasure-key/1" as const, commitment },
    ...{ sealedTo: recipients.map((one) => one.fingerprint), sealed: Buffer.from(sealed).toString("base64") },
  };
  const body = await writeNote(note, sign);
  await vault.put(keyKey(commitment), body, { ifNoneMatch: true, contentType: "application/json" });
  await assertStored(vault, keyKey(commitment), body);
  return keyKey(commitment);
}

/**
 * The key that the ledger's entries name.
 * @throws OperationError `erasure-key-lost`; ConfigurationError `erasure-key-closed`: it is sealed to others
 */
export async function readHashKey(
  vault: Vault,
  commitment: string,
  verify: VerifySignature,
  opening: UnlockedKey,
): Promise<HashKey> {
  const { body } = await readAsWritten(vault)
    .get(keyKey(commitment), { maxBytes: 64 * 1024 })
    .catch((error: unknown) => {
      throw error instanceof LifeboatError && error.code === "s3-missing" ? lost("it is not there") : error;
    });
  const note = await readNote(body, verify);
  const { data } = schema.safeParse(note?.document);
  if (note?.trusted !== true || data === undefined) throw lost("no person's key has signed what lies there");
  const opened = await openDocument(Buffer.from(data.sealed, "base64"), opening, keyKey(commitment)).catch(
    (error: unknown) => {
      if (!(error instanceof LifeboatError && error.code === "wrong-private-key")) throw error;
      throw new ConfigurationError(
        "erasure-key-closed",
        `The key ${opening.fingerprint} cannot open the ledger of erasures, which is sealed to ${data.sealedTo.join(", ")}.`,
        "Use one of these keys: nobody else can tell which rows were erased.",
      );
    },
  );
  const key = { data: Uint8Array.from(opened) };
  if (commitmentOf(key) !== commitment) throw lost("it is another key than the one that the entries name");
  return key;
}

function lost(why: string): OperationError {
  return new OperationError(
    "erasure-key-lost",
    `The key of the ledger of erasures cannot be used: ${why}.`,
    "Bring an older version of that object back: runbooks/compliance/gdpr-erasure.md.",
  );
}
