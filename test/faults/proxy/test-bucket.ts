import { randomBytes } from "node:crypto";
import { openVault, type Vault, type VaultSettings } from "../../../actions/lib/vault/s3/client.ts";
import { sharedS3 } from "../../lab/servers/started.ts";

/** Short enough for a test, patient enough for a busy machine. */
export const quickRetry = { attempts: 4, totalSeconds: 20, baseMillis: 20, capMillis: 100, stallSeconds: 2 };

/** Settings for the lab's S3 server and a bucket of its own, versioned; with Object Lock only when asked for. */
export async function newBucket(options: { lock?: boolean } = {}): Promise<VaultSettings & { endpoint: string }> {
  const { bucketAccess, createBucket } = sharedS3();
  const bucket = `vault-${randomBytes(6).toString("hex")}`;
  await createBucket(bucket, { lock: options.lock ?? false });
  return { ...bucketAccess(bucket), retry: quickRetry };
}

export async function newVault(options: { lock?: boolean } = {}): Promise<Vault> {
  return openVault(await newBucket(options));
}

/** Chunks of odd sizes, together `bytes` long, different for each seed and repeatable. */
export async function* noise(bytes: number, seed = 1): AsyncGenerator<Buffer> {
  let state = seed;
  for (let left = bytes; left > 0; ) {
    const chunk = Buffer.alloc(Math.min(left, 65_536 + (state % 997)));
    for (let i = 0; i + 4 <= chunk.byteLength; i += 4) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      chunk.writeUInt32LE(state, i);
    }
    left -= chunk.byteLength;
    yield chunk;
  }
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
