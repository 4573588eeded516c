import { createHash, randomUUID } from "node:crypto";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { RetryPolicy } from "../../base/flow/retry.ts";
import { type Stored, writeMark } from "./objects.ts";
import type { Transport } from "./transport.ts";
import { settleLostAnswer } from "./write-mark.ts";

export interface PutOptions {
  /** Refuse to replace anything (`If-None-Match: *`). */
  readonly ifNoneMatch?: boolean;
  /** Replace only the object with this ETag. */
  readonly ifMatch?: string;
  readonly metadata?: Record<string, string>;
  readonly contentType?: string;
  /** GOVERNANCE retention from the first moment; the bucket must have Object Lock. */
  readonly retainUntil?: Date;
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
              ObjectLockMode: "GOVERNANCE",
              ObjectLockRetainUntilDate: options.retainUntil,
            }),
          }),
          { abortSignal: attempt.watch.signal },
        );
        return { etag: answer.ETag ?? "", versionId: answer.VersionId };
      }),
  );
}
