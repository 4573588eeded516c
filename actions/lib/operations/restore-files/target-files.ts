import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { defaultRetryPolicy, type RetryPolicy } from "../../base/flow/retry.ts";
import type { ProjectStorage } from "../../config/environment.ts";
import { bodyOf } from "../../vault/s3/objects.ts";
import { readAnswer } from "../../vault/s3/store-errors.ts";
import { openTransport, type Transport } from "../../vault/s3/transport.ts";
import { settingsFailure, withoutPath } from "./file-failure.ts";
import type { WantedFile } from "./selection.ts";

export type FileAddress = Pick<WantedFile, "bucket" | "name">;
type Head = Pick<WantedFile, "bucket" | "name" | "contentType" | "cacheControl">;

/** What came of a file's bytes when they were read. */
export interface ReadBack {
  readonly bytes: number;
  readonly sha256: string;
  readonly contentType: string;
  readonly cacheControl: string;
}

/**
 * The files of a target over Supabase's S3 endpoint. Only Get, Put, Delete-free multipart: what else AWS's API has falls
 * through there to operations that overwrite or delete (observed). User metadata goes by SQL: a value outside of ASCII
 * breaks the signature here, and keys lose their upper case.
 */
export interface TargetFiles {
  /** The names of the buckets, as the endpoint knows them; the first request that a run makes. */
  buckets(signal?: AbortSignal): Promise<string[]>;
  /** @returns the ETag, quotes included */
  put(file: Head, content: Uint8Array, signal?: AbortSignal): Promise<string>;
  /** Sends in parts; the upload is given up when the content ends with an error. @returns the ETag */
  putLarge(file: Head, content: AsyncIterable<Uint8Array>, partBytes: number, signal?: AbortSignal): Promise<string>;
  /** Whether a file's bytes can be read, by reading one: lists and HEAD only tell of its row (observed). */
  isThere(file: FileAddress & Pick<WantedFile, "bytes">, signal?: AbortSignal): Promise<boolean>;
  /** Reads a file whole and hashes it. */
  read(file: FileAddress, signal?: AbortSignal, onBytes?: (bytes: number) => void): Promise<ReadBack>;
  close(): void;
  [Symbol.dispose](): void;
}

/** Supabase answers 429 and 500 under load: patient, but for one file never for minutes on end. */
const patience: RetryPolicy = { ...defaultRetryPolicy, attempts: 6, totalSeconds: 120 };

export function openTargetFiles(storage: ProjectStorage, retry: Partial<RetryPolicy> = {}): TargetFiles {
  const transports = new Map<string, Transport>();
  const { endpoint, region, accessKeyId, secretAccessKey } = storage;
  const of = (bucket: string): Transport => {
    const known = transports.get(bucket);
    if (known !== undefined) return known;
    const credentials = { accessKeyId, secretAccessKey: secretAccessKey.reveal() };
    const opened = openTransport({
      bucket,
      anyName: true,
      region,
      endpoint,
      credentials,
      retry: { ...patience, ...retry },
    });
    const request: Transport["request"] = (asked, attempt) =>
      opened.request(asked, attempt).catch((error: unknown) => {
        throw settingsFailure(error, storage.prefix) ?? withoutPath(error, asked.operation);
      });
    const transport = { ...opened, request };
    transports.set(bucket, transport);
    return transport;
  };
  const close = (): void => {
    for (const transport of transports.values()) transport.close();
  };
  return {
    async buckets(signal) {
      const answer = await of("").request({ operation: "ListBuckets", signal }, ({ client, watch }) =>
        client.send(new ListBucketsCommand({}), { abortSignal: watch.signal }),
      );
      return (answer.Buckets ?? []).flatMap(({ Name }) => Name ?? []);
    },
    put: (file, content, signal) => put(of(file.bucket), file, content, signal),
    putLarge: (file, content, partBytes, signal) => putLarge(of(file.bucket), file, content, partBytes, signal),
    isThere: (file, signal) => isThere(of(file.bucket), file, signal),
    read: (file, signal, onBytes) => read(of(file.bucket), file, signal, onBytes),
    close,
    [Symbol.dispose]: close,
  };
}

async function put(transport: Transport, file: Head, content: Uint8Array, signal?: AbortSignal): Promise<string> {
  const { name: Key, contentType: ContentType, cacheControl: CacheControl } = file;
  const answer = await transport.request({ operation: "PutObject", signal }, ({ client, bucket, watch }) =>
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

async function putLarge(
  transport: Transport,
  { name: Key, contentType: ContentType, cacheControl: CacheControl }: Head,
  content: AsyncIterable<Uint8Array>,
  partBytes: number,
  signal?: AbortSignal,
): Promise<string> {
  const begin = await transport.request({ operation: "CreateMultipartUpload", signal }, ({ client, bucket, watch }) =>
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
        { operation: `UploadPart ${PartNumber}`, signal },
        ({ client, bucket, watch }) =>
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
      { operation: "CompleteMultipartUpload", signal },
      ({ client, bucket, watch }) =>
        client.send(new CompleteMultipartUploadCommand({ Bucket: bucket, Key, UploadId, MultipartUpload: { Parts } }), {
          abortSignal: watch.signal,
        }),
    );
    return done.ETag ?? "";
  } catch (error) {
    const giveUp = { operation: "AbortMultipartUpload", retry: { attempts: 2, totalSeconds: 10 } };
    await transport
      .request(giveUp, ({ client, bucket, watch }) =>
        client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }), { abortSignal: watch.signal }),
      )
      .catch(() => undefined);
    throw error;
  }
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

async function isThere(
  transport: Transport,
  { name: Key, bytes }: FileAddress & Pick<WantedFile, "bytes">,
  signal?: AbortSignal,
): Promise<boolean> {
  return transport.request({ operation: "GetObject", signal }, async ({ client, bucket, watch }) => {
    const range = bytes === 0 ? {} : { Range: "bytes=0-0" };
    try {
      const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key, ...range }), {
        abortSignal: watch.signal,
      });
      for await (const chunk of bodyOf(answer.Body)) if (chunk.length > 0) break;
      return true;
    } catch (error) {
      const { status, verdict } = readAnswer(error);
      // A row without its file: 500 on Supabase (observed). A passing 500 only means that the file is sent once more.
      if (status === 500 || verdict === "missing" || status === 416) return false;
      throw error;
    }
  });
}

async function read(
  transport: Transport,
  { name: Key }: FileAddress,
  signal?: AbortSignal,
  onBytes?: (bytes: number) => void,
): Promise<ReadBack> {
  return transport.request({ operation: "GetObject", signal }, async ({ client, bucket, watch }) => {
    const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key }), { abortSignal: watch.signal });
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of bodyOf(answer.Body)) {
      hash.update(chunk);
      bytes += chunk.length;
      watch.moved();
      onBytes?.(chunk.length);
    }
    if (bytes !== answer.ContentLength) throw new Error("the answer broke off");
    const { ContentType: contentType = "", CacheControl: cacheControl = "" } = answer;
    return { bytes, sha256: hash.digest("hex"), contentType, cacheControl };
  });
}
