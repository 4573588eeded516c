import { createHash, randomUUID } from "node:crypto";
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { OperationError } from "../../base/errors.ts";
import type { RetryPolicy } from "../../base/flow/retry.ts";
import { isMissing, readAnswer } from "../../s3/store-errors.ts";
import { bodyOf, type Transport, type Try, watchPages } from "../../s3/transport.ts";

/** Metadata name by which a writer knows its own object again when the answer to a conditional write was lost. */
export const writeMark = "lifeboat-write";

export interface Stored {
  readonly etag: string;
  readonly versionId: string | undefined;
}

export interface ObjectHead extends Stored {
  readonly bytes: number;
  readonly metadata: Record<string, string>;
  readonly lastModified: Date | undefined;
  /** The server's clock when it answered. */
  readonly serverDate: Date | undefined;
  readonly retainUntil: Date | undefined;
  /** Left out where there never was a legal hold, and for whoever may not ask for it. */
  readonly legalHold: "on" | "off" | undefined;
  /** E.g. `STANDARD`, which S3 leaves out, or `GLACIER`. */
  readonly storageClass: string;
  /** `x-amz-replication-status`: PENDING, COMPLETED, FAILED; REPLICA of what came from elsewhere. None: no rule covers it. */
  readonly replication: string | undefined;
  /** `x-amz-restore` of an archived object that was asked for. */
  readonly restore: string | undefined;
}

export interface ObjectBody extends ObjectHead {
  readonly body: Uint8Array;
}

export interface Listed {
  readonly key: string;
  readonly bytes: number;
  readonly lastModified: Date | undefined;
  readonly storageClass?: string;
}

/** @param versionId default: the current version @returns undefined when there is no such object */
export async function headObject(
  transport: Transport,
  key: string,
  versionId?: string | undefined,
): Promise<ObjectHead | undefined> {
  try {
    return await transport.request({ operation: "HeadObject", key }, async ({ client, bucket, watch }) => {
      const answer = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }), {
        abortSignal: watch.signal,
      });
      return readHead(transport, answer);
    });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export interface GetOptions {
  /** A larger one is refused before it is read (OperationError `s3-too-large`); default 64 MiB. */
  readonly maxBytes?: number;
  /** Default: the current version. */
  readonly versionId?: string | undefined;
}

/**
 * Reads a small object whole.
 * @throws OperationError `s3-missing`, `s3-too-large`
 */
export function getObject(transport: Transport, key: string, options: GetOptions = {}): Promise<ObjectBody> {
  const { maxBytes = 64 * 1024 * 1024, versionId } = options;
  return transport.request({ operation: "GetObject", key }, async ({ client, bucket, watch }) => {
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId });
    const answer = await client.send(command, { abortSignal: watch.signal });
    const head = readHead(transport, answer);
    const refuse = (): never => {
      // Unread: an answer without an end would be received for as long as its connection lives.
      watch.abandon();
      throw new OperationError(
        "s3-too-large",
        `${key} in bucket ${bucket} has more than the ${maxBytes} bytes it may have`,
      );
    };
    if (head.bytes > maxBytes) refuse();
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of bodyOf(answer.Body)) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) refuse();
      chunks.push(chunk);
      watch.moved();
    }
    if (bytes !== head.bytes) throw new Error("the answer broke off");
    return { ...head, body: Buffer.concat(chunks, bytes) };
  });
}

/** Every object below `prefix`, in byte order. With `delimiter` "/", `folders` instead of what lies in them. */
export async function* listPages(
  transport: Transport,
  prefix: string,
  delimiter?: "/",
): AsyncGenerator<{ objects: Listed[]; folders: string[] }> {
  let token: string | undefined;
  const goesOn = watchPages(transport.bucket, prefix);
  do {
    const page = await transport.request({ operation: "ListObjectsV2", key: prefix }, ({ client, bucket, watch }) =>
      client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, Delimiter: delimiter, ContinuationToken: token }),
        { abortSignal: watch.signal },
      ),
    );
    const objects = (page.Contents ?? []).flatMap(({ Key, Size, LastModified, StorageClass }) =>
      Key === undefined
        ? []
        : [{ key: Key, bytes: Size ?? 0, lastModified: LastModified, storageClass: StorageClass ?? "STANDARD" }],
    );
    yield { objects, folders: (page.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? []) };
    if (!goesOn(page.IsTruncated, page.NextContinuationToken)) return;
    token = page.NextContinuationToken;
  } while (token !== undefined);
}

interface HeadAnswer {
  readonly ContentLength?: number | undefined;
  readonly ETag?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly Metadata?: Record<string, string> | undefined;
  readonly LastModified?: Date | undefined;
  readonly ObjectLockRetainUntilDate?: Date | undefined;
  readonly ObjectLockLegalHoldStatus?: "ON" | "OFF" | undefined;
  readonly StorageClass?: string | undefined;
  readonly ReplicationStatus?: string | undefined;
  readonly Restore?: string | undefined;
}

function readHead(transport: Transport, answer: HeadAnswer): ObjectHead {
  return {
    bytes: answer.ContentLength ?? 0,
    etag: answer.ETag ?? "",
    versionId: answer.VersionId,
    metadata: answer.Metadata ?? {},
    lastModified: answer.LastModified,
    serverDate: transport.dateOf(answer),
    retainUntil: answer.ObjectLockRetainUntilDate,
    legalHold: answer.ObjectLockLegalHoldStatus && (answer.ObjectLockLegalHoldStatus === "ON" ? "on" : "off"),
    storageClass: answer.StorageClass ?? "STANDARD",
    replication: answer.ReplicationStatus,
    restore: answer.Restore,
  };
}

/**
 * A conditional write that is tried again meets the object of its own earlier try when only the answer was lost. The mark
 * in its metadata tells that apart from a foreign object.
 * @returns what `write` returned, or the head of the object that an earlier try has written
 */
export async function settleLostAnswer<T>(
  transport: Transport,
  key: string,
  mark: string,
  attempt: Try,
  write: () => Promise<T>,
): Promise<T | ObjectHead> {
  try {
    return await write();
  } catch (error) {
    const answer = readAnswer(error);
    const refused = answer.verdict === "condition" || answer.code === "NoSuchUpload";
    if (attempt.count === 1 || !refused) throw error;
    const there = await headObject(transport, key);
    if (there?.metadata[writeMark] !== mark) throw error;
    return there;
  }
}

export interface PutOptions {
  /** Refuse to replace anything (`If-None-Match: *`). */
  readonly ifNoneMatch?: boolean;
  /** Replace only the object with this ETag. */
  readonly ifMatch?: string;
  readonly metadata?: Record<string, string>;
  readonly contentType?: string;
  /** Retention from the first moment; the bucket must have Object Lock. */
  readonly retainUntil?: Date;
  /** `compliance`: nobody can shorten it, the account's root included. Default: governance. */
  readonly lockMode?: "governance" | "compliance";
  readonly signal?: AbortSignal;
  readonly retry?: Partial<RetryPolicy>;
}

/** Writes a small object whole. A failed condition is OperationError `s3-condition` (see `isConditionFailed`). */
export function putObject(
  transport: Transport,
  key: string,
  body: Uint8Array,
  options: PutOptions = {},
): Promise<Stored> {
  const mark = randomUUID();
  const sha256 = createHash("sha256").update(body).digest("base64");
  return transport.request(
    { operation: "PutObject", key, signal: options.signal, ...(options.retry && { retry: options.retry }) },
    (attempt) =>
      settleLostAnswer(transport, key, mark, attempt, async () => {
        const answer = await attempt.client.send(
          new PutObjectCommand({
            Bucket: attempt.bucket,
            Key: key,
            Body: body,
            ContentLength: body.byteLength,
            ChecksumSHA256: sha256,
            ContentType: options.contentType ?? "application/octet-stream",
            Metadata: { ...options.metadata, [writeMark]: mark },
            IfNoneMatch: options.ifNoneMatch ? "*" : undefined,
            IfMatch: options.ifMatch,
            ...(options.retainUntil && {
              ObjectLockMode: options.lockMode === "compliance" ? "COMPLIANCE" : "GOVERNANCE",
              ObjectLockRetainUntilDate: options.retainUntil,
            }),
          }),
          { abortSignal: attempt.watch.signal },
        );
        return { etag: answer.ETag ?? "", versionId: answer.VersionId };
      }),
  );
}
