import { z } from "zod";
import { LifeboatError } from "../../../base/errors.ts";
import type { Rotation } from "../../../policy/deep-rotation.ts";
import { isMissing } from "../../../s3/store-errors.ts";
import type { Signer } from "../../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../../seal/keys/private-key.ts";
import { signDetachedBinary, verifyDetached } from "../../../seal/keys/signature.ts";
import type { Vault } from "../../../vault/s3/client.ts";

// The folder is called as retention was when the first vaults were made.
export const deepRecordKey = "upkeep/deep-reads.json";
const signatureMetadata = "lifeboat-signature";

const recordSchema = z.strictObject({
  format: z.literal("lifeboat-deep-reads/1"),
  place: z.string().regex(/^[0-9a-f]{0,16}$/),
  readAt: z.iso.datetime(),
  roundBegan: z.iso.datetime(),
  lastRoundDays: z.number().nonnegative().nullable(),
  /** Found damaged, and to be looked at each time until they are whole or nothing names them. */
  damaged: z.array(z.string()),
});

export interface DeepRecord {
  readonly rotation: Rotation;
  readonly damaged: readonly string[];
}

export interface FoundRecord {
  readonly record: DeepRecord | undefined;
  /** Why a record that is there does not count. */
  readonly problem: string | undefined;
  /** Of what is there; undefined when nothing is. */
  readonly etag: string | undefined;
}

/**
 * How far deep verifications have come. Signed by whoever opened: a forged record could make them pass something over.
 * @param readers whose signatures count: the recipients of the snapshots
 */
export async function readDeepRecord(vault: Vault, readers: readonly Signer[]): Promise<FoundRecord> {
  const found = await vault.get(deepRecordKey, { maxBytes: 1024 * 1024 }).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (found === undefined) return { record: undefined, problem: undefined, etag: undefined };
  const { body, metadata, etag } = found;
  const refuse = (problem: string): FoundRecord => ({ record: undefined, problem, etag });
  try {
    const signature = Uint8Array.from(Buffer.from(metadata[signatureMetadata] ?? "", "base64"));
    await verifyDetached(body, signature, readers);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return refuse(error.message.replace(/\.$/, ""));
  }
  const parsed = recordSchema.safeParse(JSON.parse(Buffer.from(body).toString("utf8")));
  if (!parsed.success) return refuse("It does not have the form of lifeboat-deep-reads/1");
  const { damaged, format: _, ...rotation } = parsed.data;
  return { record: { rotation, damaged }, problem: undefined, etag };
}

/** @param etag of the record that this one follows @throws LifeboatError: the key cannot sign, the store refuses, or somebody was quicker */
export async function writeDeepRecord(
  vault: Vault,
  { rotation, damaged }: DeepRecord,
  key: UnlockedKey,
  etag: string | undefined,
): Promise<void> {
  const record = recordSchema.parse({ format: "lifeboat-deep-reads/1", ...rotation, damaged });
  const body = Buffer.from(`${JSON.stringify(record, null, 2)}\n`);
  const signature = Buffer.from(await signDetachedBinary(body, key)).toString("base64");
  await vault.put(deepRecordKey, body, {
    ...(etag === undefined ? { ifNoneMatch: true } : { ifMatch: etag }),
    contentType: "application/json",
    metadata: { [signatureMetadata]: signature },
  });
}
