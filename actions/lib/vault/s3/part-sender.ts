import { Readable } from "node:stream";
import { PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { writeMark } from "./objects.ts";
import type { Transport, Try } from "./transport.ts";
import { settleLostAnswer } from "./write-mark.ts";

/** Stored bytes in memory, with their SHA-256 in hex. */
export interface FilledPart {
  readonly bytes: Buffer;
  readonly sha256: string;
}

const sliceBytes = 256 * 1024;

/**
 * The part as a stream of slices: over TLS a buffer written whole would be encrypted whole, a second copy in memory, and
 * each slice that leaves shows the watch that the transfer moves.
 */
function bodyStream(bytes: Buffer, { watch }: Try): Readable {
  function* slices() {
    for (let from = 0; from < bytes.byteLength; from += sliceBytes) {
      watch.moved();
      yield bytes.subarray(from, from + sliceBytes);
    }
  }
  const stream = Readable.from(slices(), { objectMode: true, highWaterMark: 1 });
  watch.signal.addEventListener("abort", () => stream.destroy(), { once: true });
  stream.on("error", () => {}); // the request reports it
  return stream;
}

const base64 = (hex: string) => Buffer.from(hex, "hex").toString("base64");

/** @returns the part's ETag */
export function sendPart(
  transport: Transport,
  upload: { readonly key: string; readonly id: string },
  number: number,
  part: FilledPart,
  signal: AbortSignal,
): Promise<string | undefined> {
  return transport.request({ operation: `UploadPart ${number}`, key: upload.key, signal }, async (attempt) => {
    const answer = await attempt.client.send(
      new UploadPartCommand({
        Bucket: attempt.bucket,
        Key: upload.key,
        UploadId: upload.id,
        PartNumber: number,
        Body: bodyStream(part.bytes, attempt),
        ContentLength: part.bytes.byteLength,
        ChecksumSHA256: base64(part.sha256),
      }),
      { abortSignal: attempt.watch.signal },
    );
    return answer.ETag;
  });
}

/** An object of a single part needs no multipart upload. Refuses to replace anything. */
export function sendWhole(
  transport: Transport,
  key: string,
  part: FilledPart,
  { mark, signal, tags }: { readonly mark: string; readonly signal: AbortSignal; readonly tags: string | undefined },
): Promise<void> {
  return transport.request({ operation: "PutObject", key, signal }, async (attempt) => {
    await settleLostAnswer(transport, key, mark, attempt, () =>
      attempt.client.send(
        new PutObjectCommand({
          Bucket: attempt.bucket,
          Key: key,
          Body: bodyStream(part.bytes, attempt),
          ContentLength: part.bytes.byteLength,
          ChecksumSHA256: base64(part.sha256),
          ContentType: "application/octet-stream",
          Metadata: { [writeMark]: mark },
          Tagging: tags,
          IfNoneMatch: "*",
        }),
        { abortSignal: attempt.watch.signal },
      ),
    );
  });
}
