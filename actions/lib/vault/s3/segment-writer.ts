import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { OperationError } from "../../base/errors.ts";
import { type Transport, type Try, watchPages } from "../../s3/transport.ts";
import { settleLostAnswer, writeMark } from "./objects.ts";

/** Stored bytes in memory, with their SHA-256 in hex. */
interface FilledPart {
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
function sendPart(
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
function sendWhole(
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

interface SentPart {
  readonly ETag: string | undefined;
  readonly PartNumber: number;
  readonly ChecksumSHA256: string;
}

/** Writes one object, part by part. Parts may be sent at the same time. */
export interface SegmentWriter {
  /** Sends a part of which more will follow. Parts are numbered in the order of the calls. */
  add(part: FilledPart): Promise<void>;
  /** Sends the last part and makes the object visible, when every part before it has been sent. */
  finish(last: FilledPart): Promise<void>;
  /** Removes what the store keeps of an unfinished object. Never throws: the next run removes what stays. */
  abort(): Promise<void>;
}

export interface SegmentOptions {
  /** Calls off every request but the abort. */
  readonly signal: AbortSignal;
  /** Object tags, URL-encoded. */
  readonly tags?: string | undefined;
}

export function openSegment(transport: Transport, key: string, { signal, tags }: SegmentOptions): SegmentWriter {
  const mark = randomUUID();
  const sent: SentPart[] = [];
  const onTheWay: Promise<unknown>[] = [];
  let number = 0;
  let upload: Promise<{ key: string; id: string }> | undefined;

  const send = async (part: FilledPart) => {
    const mine = ++number;
    upload ??= createUpload(transport, key, mark, { signal, tags });
    const ETag = await sendPart(transport, await upload, mine, part, signal);
    sent[mine - 1] = { ETag, PartNumber: mine, ChecksumSHA256: Buffer.from(part.sha256, "hex").toString("base64") };
  };

  return {
    add(part) {
      const sending = send(part);
      sending.catch(() => {}); // the caller hears of it; here it must only not count as unheard
      onTheWay.push(sending);
      return sending;
    },
    async finish(last) {
      if (upload === undefined) return sendWhole(transport, key, last, { mark, signal, tags });
      await Promise.all([send(last), ...onTheWay]);
      const { id } = await upload;
      await transport.request({ operation: "CompleteMultipartUpload", key, signal }, (attempt) =>
        settleLostAnswer(transport, key, mark, attempt, () =>
          attempt.client.send(
            new CompleteMultipartUploadCommand({
              Bucket: attempt.bucket,
              Key: key,
              UploadId: id,
              MultipartUpload: { Parts: sent },
              IfNoneMatch: "*",
            }),
            { abortSignal: attempt.watch.signal },
          ),
        ),
      );
      upload = undefined;
    },
    async abort() {
      const begun = await upload?.catch(() => undefined);
      if (begun === undefined) return;
      // A part that arrives after the abort would stay: first let all of them end.
      await Promise.allSettled(onTheWay);
      await abortUpload(transport, key, begun.id).catch(() => {});
    },
  };
}

async function createUpload(transport: Transport, key: string, mark: string, { signal, tags }: SegmentOptions) {
  const id = await transport.request({ operation: "CreateMultipartUpload", key, signal }, async (attempt) => {
    const answer = await attempt.client.send(
      new CreateMultipartUploadCommand({
        Bucket: attempt.bucket,
        Key: key,
        ContentType: "application/octet-stream",
        Metadata: { [writeMark]: mark },
        Tagging: tags,
        ChecksumAlgorithm: "SHA256", // only then the store checks and keeps each part's hash
      }),
      { abortSignal: attempt.watch.signal },
    );
    return answer.UploadId;
  });
  if (id === undefined)
    throw new OperationError("s3-refused", `CreateMultipartUpload of ${key}: the store gave no upload id`);
  return { key, id };
}

/** Ends an unfinished multipart upload; one that is gone already is fine. */
async function abortUpload(transport: Transport, key: string, id: string): Promise<void> {
  const request = { operation: "AbortMultipartUpload", key, retry: { attempts: 3, totalSeconds: 20 } };
  await transport.request(request, async ({ client, bucket, watch }) => {
    const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: id });
    await client.send(command, { abortSignal: watch.signal }).catch((error: unknown) => {
      if (!(error instanceof Error && error.name === "NoSuchUpload")) throw error;
    });
  });
}

interface UnfinishedUpload {
  readonly key: string;
  readonly id: string;
}

/** Multipart uploads below `prefix` that were begun and neither completed nor aborted. They cost storage, unseen. */
export async function unfinishedUploads(transport: Transport, prefix: string): Promise<UnfinishedUpload[]> {
  const found: UnfinishedUpload[] = [];
  let KeyMarker: string | undefined;
  let UploadIdMarker: string | undefined;
  const goesOn = watchPages(transport.bucket, prefix);
  do {
    const page = await transport.request({ operation: "ListMultipartUploads", key: prefix }, (attempt) =>
      attempt.client.send(
        new ListMultipartUploadsCommand({ Bucket: attempt.bucket, Prefix: prefix, KeyMarker, UploadIdMarker }),
        { abortSignal: attempt.watch.signal },
      ),
    );
    for (const { Key, UploadId } of page.Uploads ?? []) if (Key && UploadId) found.push({ key: Key, id: UploadId });
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
    if (!goesOn(IsTruncated, NextKeyMarker && `${NextKeyMarker}\n${NextUploadIdMarker ?? ""}`)) return found;
    KeyMarker = NextKeyMarker;
    UploadIdMarker = NextUploadIdMarker;
  } while (KeyMarker !== undefined);
  return found;
}

/** Aborts all of them. */
export async function abortUploads(transport: Transport, uploads: readonly UnfinishedUpload[]): Promise<void> {
  for (const { key, id } of uploads) await abortUpload(transport, key, id);
}
