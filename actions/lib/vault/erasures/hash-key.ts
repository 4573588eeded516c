import { createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";
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
import { vaultAsWritten, writtenObjects } from "../s3/versions.ts";
import { keyKey, keysPrefix } from "./entries.ts";

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

/**
 * Puts the key into the vault, sealed.
 * @param again it is there, sealed to others: this one gets a name of its own
 * @returns its name
 * @throws OperationError `stored-differs`, `s3-unavailable`
 */
export async function storeHashKey(
  vault: Vault,
  key: HashKey,
  recipients: readonly Recipient[],
  sign: SignBytes,
  again = false,
): Promise<string> {
  const commitment = commitmentOf(key);
  const sealed = await sealDocument(key.data, recipients);
  const note = {
    ...{ format: "lifeboat-erasure-key/1" as const, commitment },
    ...{ sealedTo: recipients.map((one) => one.fingerprint), sealed: Buffer.from(sealed).toString("base64") },
  };
  const body = await writeNote(note, sign);
  const name = keyKey(commitment, again ? createHash("sha256").update(body).digest("hex").slice(0, 8) : "");
  await vault.put(name, body, { ifNoneMatch: true, contentType: "application/json" });
  await assertStored(vault, name, body);
  return name;
}

export interface SealedHashKey {
  readonly name: string;
  /** Fingerprints. */
  readonly sealedTo: readonly string[];
  readonly sealed: Uint8Array;
}

/** Of what anybody has laid there: what lies behind would be hidden. */
const mostSealed = 100_000;

/** The key as it lies in the vault, the newest first: what a person's key has signed, whatever else somebody has laid beside it. */
export async function sealedHashKeys(
  vault: Vault,
  commitment: string,
  verify: VerifySignature,
): Promise<SealedHashKey[]> {
  const objects = await writtenObjects(vault, [keysPrefix(commitment)], mostSealed);
  const written = vaultAsWritten(vault, objects);
  const newestFirst = objects.toSorted((a, b) => Number(b.lastModified ?? 0) - Number(a.lastModified ?? 0));
  const found: SealedHashKey[] = [];
  for (const { key: name, bytes } of newestFirst) {
    if (bytes > 64 * 1024) continue;
    const note = await readNote((await written.get(name, { maxBytes: 64 * 1024 })).body, verify);
    const { data } = schema.safeParse(note?.document);
    if (note?.trusted !== true || data?.commitment !== commitment) continue;
    found.push({ name, sealedTo: data.sealedTo, sealed: Buffer.from(data.sealed, "base64") });
  }
  return found;
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
  const all = await sealedHashKeys(vault, commitment, verify);
  if (all.length === 0) throw lost("it is not there, or no person's key has signed what is");
  for (const { name, sealed } of all) {
    const opened = await openDocument(sealed, opening, name).catch((error: unknown) => {
      if (error instanceof LifeboatError && error.code === "wrong-private-key") return undefined;
      throw error;
    });
    if (opened === undefined) continue;
    const key = { data: Uint8Array.from(opened) };
    if (commitmentOf(key) !== commitment) throw lost("it is another key than the one that the entries name");
    return key;
  }
  throw new ConfigurationError(
    "erasure-key-closed",
    `The key ${opening.fingerprint} cannot open the ledger of erasures, which is sealed to ${all[0]?.sealedTo.join(", ")}.`,
    "Use one of these keys: nobody else can tell which rows were erased. `lifeboat keys rewrap` with one of them seals it anew.",
  );
}

function lost(why: string): OperationError {
  return new OperationError(
    "erasure-key-lost",
    `The key of the ledger of erasures cannot be used: ${why}.`,
    "Bring an older version of that object back: runbooks/compliance/gdpr-erasure.md.",
  );
}
