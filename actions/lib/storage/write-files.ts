import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { Transport } from "../s3/transport.ts";

/** Where a file goes, and what is told with it. */
export interface NewFile {
  readonly bucket: string;
  readonly name: string;
  readonly contentType: string;
  readonly cacheControl: string;
}

export async function put(
  transport: Transport,
  file: NewFile,
  content: Uint8Array,
  signal?: AbortSignal,
): Promise<string> {
  const { bucket, name: Key, contentType: ContentType, cacheControl: CacheControl } = file;
  const answer = await transport.request({ operation: "PutObject", bucket, signal }, ({ client, watch }) =>
    client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key,
        ContentType,
        CacheControl,
        Body: content,
        ContentLength: content.length,
      }),
      { abortSignal: watch.signal },
    ),
  );
  return answer.ETag ?? "";
}

export async function putLarge(
  transport: Transport,
  { bucket, name: Key, contentType: ContentType, cacheControl: CacheControl }: NewFile,
  content: AsyncIterable<Uint8Array>,
  partBytes: number,
  signal?: AbortSignal,
): Promise<string> {
  const begin = await transport.request({ operation: "CreateMultipartUpload", bucket, signal }, ({ client, watch }) =>
    client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key, ContentType, CacheControl }), {
      abortSignal: watch.signal,
    }),
  );
  const UploadId = begin.UploadId;
  try {
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for await (const part of parts(content, partBytes)) {
      const PartNumber = Parts.length + 1;
      const { ETag } = await transport.request(
        { operation: `UploadPart ${PartNumber}`, bucket, signal },
        ({ client, watch }) =>
          client.send(
            new UploadPartCommand({
              Bucket: bucket,
              Key,
              UploadId,
              PartNumber,
              Body: part,
              ContentLength: part.length,
            }),
            { abortSignal: watch.signal },
          ),
      );
      Parts.push({ PartNumber, ETag });
    }
    const done = await transport.request(
      { operation: "CompleteMultipartUpload", bucket, signal },
      ({ client, watch }) =>
        client.send(new CompleteMultipartUploadCommand({ Bucket: bucket, Key, UploadId, MultipartUpload: { Parts } }), {
          abortSignal: watch.signal,
        }),
    );
    return done.ETag ?? "";
  } catch (error) {
    const giveUp = { operation: "AbortMultipartUpload", bucket, retry: { attempts: 2, totalSeconds: 10 } };
    await transport
      .request(giveUp, ({ client, watch }) =>
        client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }), { abortSignal: watch.signal }),
      )
      .catch(() => undefined);
    throw error;
  }
}

/** The endpoint takes a thousand at a time. @returns names that stayed */
export async function remove(
  transport: Transport,
  bucket: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<string[]> {
  const Objects = names.map((Key) => ({ Key }));
  const { Errors = [] } = await transport.request({ operation: "DeleteObjects", bucket, signal }, ({ client, watch }) =>
    client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }), {
      abortSignal: watch.signal,
    }),
  );
  return Errors.flatMap(({ Key }) => Key ?? []);
}

/** Parts of exactly `bytes` bytes, the last one shorter; one that is empty when there is nothing. */
async function* parts(content: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Buffer, void, undefined> {
  let part = Buffer.allocUnsafe(bytes);
  let filled = 0;
  let any = false;
  for await (const chunk of content) {
    for (let offset = 0; offset < chunk.length; ) {
      const taken = Math.min(bytes - filled, chunk.length - offset);
      part.set(chunk.subarray(offset, offset + taken), filled);
      filled += taken;
      offset += taken;
      if (filled < bytes) continue;
      yield part;
      any = true;
      part = Buffer.allocUnsafe(bytes);
      filled = 0;
    }
  }
  if (filled > 0 || !any) yield part.subarray(0, filled);
}
