import { z } from "zod";
import { LifeboatError } from "../base/errors.ts";
import { oneChunk, wholeOf } from "../base/flow/chunks.ts";
import { open, seal } from "../seal/body/message.ts";
import type { Recipient } from "../seal/keys/keyring.ts";
import type { UnlockedKey } from "../seal/keys/private-key.ts";
import { newSessionKey, unwrapSessionKey, wrapSessionKey } from "../seal/keys/session-key.ts";
import type { SignBytes } from "../seal/keys/signature.ts";
import { lockObject } from "./bucket/lock.ts";
import { setId } from "./format/manifest.ts";
import { alarmOf } from "./published/publications.ts";
import {
  publishSigned,
  type Refused,
  readAllSigned,
  type SignedBy,
  type VerifySignature,
} from "./published/signed-manifest.ts";
import type { Vault } from "./s3/client.ts";
import { writtenObjects } from "./s3/versions.ts";

/** Where what only the owner has is kept, sealed: `escrow/<id>.json` and its signature. Entries are added, and never changed. */
const escrowPrefix = "escrow/";
const keyOf = (id: string): string => `${escrowPrefix}${id}.json`;

/** A sealed value may have as much. Supabase takes 24,576 bytes for a function's secret. */
export const mostValueBytes = 64 * 1024;

/** Key packets and sealed body, base64: one after the other they are an OpenPGP message that gpg opens. */
const sealedSchema = z.strictObject({ keys: z.base64(), body: z.base64() });
type Sealed = z.infer<typeof sealedSchema>;

const entrySchema = z.strictObject({
  format: z.literal("lifeboat-escrow/1"),
  id: setId,
  /** What it is, e.g. `signing-key`, `secret:STRIPE_KEY`. */
  name: z
    .string()
    .regex(/^[\w.:-]+$/)
    .max(300),
  /** Fingerprints of the keys that open the value. */
  sealedTo: z.array(z.string().regex(/^[0-9A-F]{40}$/)).min(1),
  /** Of a pair's public half, which is no secret (RFC 7638, SHA-256, base64url); null: it is no pair. */
  thumbprint: z
    .string()
    .regex(/^[\w-]{43}$/)
    .nullable(),
  /** SHA-256 of the value, sealed for who compares it and may not open the value; null: nobody shows another to compare. */
  digest: sealedSchema.nullable(),
  value: sealedSchema,
});
export type EscrowEntry = z.infer<typeof entrySchema>;

/** One that a trusted key has signed, in its place. */
export interface Escrowed {
  readonly entry: EscrowEntry;
  readonly signedBy: SignedBy;
}

export interface EscrowList {
  /** Of each name the newest, by name. */
  readonly newest: ReadonlyMap<string, Escrowed>;
  /** How many of each name there are. */
  readonly counts: ReadonlyMap<string, number>;
  /** What lies there and is not to be trusted, and why. */
  readonly refused: readonly Refused[];
  /** What somebody else did to entries, in words for people. Each of these counts as it was written. */
  readonly alarms: readonly string[];
}

export async function sealValue(plain: Uint8Array, recipients: readonly Recipient[]): Promise<Sealed> {
  const key = newSessionKey();
  const [keys, body] = await Promise.all([wrapSessionKey(key, recipients), wholeOf(seal(oneChunk(plain), key))]);
  return { keys: Buffer.from(keys).toString("base64"), body: body.toString("base64") };
}

/**
 * @returns undefined when it is sealed to others
 * @throws OperationError `keys-damaged`, and as `open`
 */
export async function openValue({ keys, body }: Sealed, privateKey: UnlockedKey): Promise<Buffer | undefined> {
  try {
    const key = await unwrapSessionKey(Buffer.from(keys, "base64"), privateKey);
    return await wholeOf(open(oneChunk(Buffer.from(body, "base64")), key));
  } catch (error) {
    if (error instanceof LifeboatError && error.code === "wrong-private-key") return undefined;
    throw error;
  }
}

/**
 * Puts an entry into the vault for good. It replaces none: of each name the newest counts.
 * @param until locks it until then; null: it is not locked
 * @throws OperationError `escrow-taken`, `stored-differs`, `lock-failed`, `s3-unavailable`
 */
export async function writeEscrow(
  vault: Vault,
  entry: EscrowEntry,
  sign: SignBytes,
  until: Date | null,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(entrySchema.parse(entry), null, 2)}\n`);
  const key = keyOf(entry.id);
  await publishSigned(vault, key, bytes, await sign(bytes), { kind: "escrow" });
  if (until !== null) for (const one of [`${key}.sig`, key]) await lockObject(vault, one, until);
}

/**
 * What the vault, or its replica, has in escrow. What somebody hid or wrote again is read as it was written, and told.
 * @param verify accepts the keys that people have (`releaseVerifier` of vault/configured): a job's key that was stolen must not
 * bring a signing key of a stranger into the next recovery
 * @throws OperationError `s3-unavailable`; ConfigurationError `s3-denied`
 */
export async function readEscrow(vault: Vault, verify: VerifySignature): Promise<EscrowList> {
  const objects = await writtenObjects(vault, [escrowPrefix]);
  const { believed, refused } = await readAllSigned(vault, objects, kind, verify);
  const newest = new Map<string, Escrowed>();
  const counts = new Map<string, number>();
  for (const { document: entry, signedBy } of believed.sort((a, b) => (a.document.id < b.document.id ? -1 : 1))) {
    newest.set(entry.name, { entry, signedBy });
    counts.set(entry.name, (counts.get(entry.name) ?? 0) + 1);
  }
  const of = (state: string) => objects.filter((one) => one.state === state).map(({ key }) => key);
  return {
    newest: new Map([...newest].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    counts,
    refused,
    alarms: [
      ...alarmOf(
        of("hidden"),
        "hidden by delete markers, and read all the same",
        "object in escrow",
        "objects in escrow",
      ),
      ...alarmOf(of("replaced"), "written again, and read as before", "object in escrow", "objects in escrow"),
    ],
  };
}

const kind = {
  isKey: (key: string): boolean => key.endsWith(".json"),
  keyOf: ({ id }: EscrowEntry): string => keyOf(id),
  ...{ maxBytes: 512 * 1024, schema: entrySchema, format: "lifeboat-escrow/1" },
};
