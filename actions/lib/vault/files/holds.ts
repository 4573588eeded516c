import { createHash } from "node:crypto";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { LifeboatError } from "../../base/errors.ts";
import type { Segment } from "../format/manifest.ts";
import type { Vault } from "../s3/client.ts";
import { readBack } from "../s3/read-back.ts";
import { isMissing } from "../s3/store-errors.ts";

/**
 * Whether the store holds the very bytes that an object was stored with. Its size says nothing: whoever can write the bucket
 * can put others of the same size there. S3 itself hashes what is uploaded and tells; what another store tells of a hash it
 * need not have computed, and its bytes are read.
 * @param segment with a whole key
 */
export async function holds(vault: Vault, segment: Segment, signal: AbortSignal): Promise<boolean> {
  const told = await toldHash(vault, segment.key, signal).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (told === null || told?.bytes !== segment.bytes) return false;
  if (!vault.transport.foreign && told.sha256 !== undefined) return told.sha256 === storedHash(segment);
  return readBack(vault, "", [segment], { signal }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof LifeboatError && error.code === "stored-differs") return false;
      throw error;
    },
  );
}

/**
 * As S3 tells it: the hash of an object that was sent whole, or the hash of its parts' hashes and their number (Checking
 * object integrity, "Checksums of checksums", S3 User Guide).
 */
export function storedHash({ sha256, parts }: Segment): string {
  if (parts.length === 1) return Buffer.from(sha256, "hex").toString("base64");
  const hashes = Buffer.concat(parts.map((part) => Buffer.from(part.sha256, "hex")));
  return `${createHash("sha256").update(hashes).digest("base64")}-${parts.length}`;
}

async function toldHash({ transport }: Vault, key: string, signal: AbortSignal) {
  return transport.request({ operation: "HeadObject", key, signal }, async ({ client, bucket, watch }) => {
    const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: "ENABLED" });
    const { ContentLength, ChecksumSHA256 } = await client.send(command, { abortSignal: watch.signal });
    return { bytes: ContentLength ?? 0, sha256: ChecksumSHA256 };
  });
}
