import { createHash } from "node:crypto";
import { HeadObjectCommand, ListBucketsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { ConfigurationError, LifeboatError, OperationError } from "../base/errors.ts";
import { defaultRetryPolicy, type RetryPolicy, Stalled, watchStalls } from "../base/flow/retry.ts";
import type { ProjectStorage } from "../config/environment.ts";
import { readAnswer, StoreFailure, saidIn } from "../s3/store-errors.ts";
import { openTransport, watchPages } from "../s3/transport.ts";
import { bareEtag, type SourceRow } from "./rows.ts";
import { type FileAnswer, type FileHead, signedGet } from "./signed-get.ts";
import { type NewFile, put, putLarge, remove } from "./write-files.ts";

export type FileAddress = Pick<SourceRow, "bucket" | "name">;

/** An answer whose body the caller reads at his own speed, in one attempt. */
export interface OpenAnswer extends FileAnswer {
  /** Gives the connection up; what was not read is lost. */
  abandon(): void;
}

/** The result of reading a file's bytes. */
export interface ReadBack {
  readonly bytes: number;
  readonly sha256: string;
  readonly contentType: string;
  readonly cacheControl: string;
}

/**
 * The files of a project over its S3 endpoint. Only Get, Head, lists, Put, multipart uploads and Delete: what else AWS's API has falls
 * through there to operations that overwrite or delete (observed). User metadata goes by SQL: a value outside of ASCII
 * breaks the signature here, and keys lose their upper case.
 *
 * Every method throws what `refusedBy` says: ConfigurationError when settings are wrong, else StoreFailure.
 */
export interface ProjectFiles extends Disposable {
  /** The names of the buckets, as the endpoint knows them. */
  buckets(signal?: AbortSignal): Promise<string[]>;
  /** Whether the endpoint lists a bucket: throws when it does not. */
  assertListed(bucket: string, signal?: AbortSignal): Promise<void>;
  /**
   * Every file of a bucket as the endpoint lists it, in byte order. Ids, versions, owners and user metadata are not to be
   * had this way; types come with the content.
   */
  list(bucket: string, signal?: AbortSignal): AsyncGenerator<SourceRow, void, undefined>;
  /** Asked once. @param from first byte wanted; 0 for all */
  get(file: FileAddress, from: number, signal: AbortSignal): Promise<OpenAnswer>;
  /** Asked once. */
  head(file: FileAddress, signal?: AbortSignal): Promise<FileHead>;
  /** Reads a file whole and hashes it. */
  read(file: FileAddress, signal?: AbortSignal, onBytes?: (bytes: number) => void): Promise<ReadBack>;
  /** Whether a file's bytes can be read, by reading one: lists and HEAD only tell of its row (observed). */
  isThere(file: FileAddress & { readonly bytes: number }, signal?: AbortSignal): Promise<boolean>;
  /** @returns the ETag, quotes included */
  put(file: NewFile, content: Uint8Array, signal?: AbortSignal): Promise<string>;
  /** For ever; of a project that may be emptied. @param names at most a thousand @returns names that stayed */
  remove(bucket: string, names: readonly string[], signal?: AbortSignal): Promise<string[]>;
  /** Sends in parts; the upload is given up when the content ends with an error. @returns the ETag */
  putLarge(file: NewFile, content: AsyncIterable<Uint8Array>, partBytes: number, signal?: AbortSignal): Promise<string>;
}

/** Supabase answers 429 and 500 under load: patient, but for one file never for minutes on end. */
const patience: RetryPolicy = { ...defaultRetryPolicy, attempts: 6, totalSeconds: 120 };
const once = { attempts: 1 };
/** A file of any size may take its time, as long as its bytes move. */
const longestStream = 86_400;

export interface ProjectFilesOptions {
  readonly side: Side;
  readonly retry?: Partial<RetryPolicy>;
  readonly connections?: number;
}

export function openProjectFiles(storage: ProjectStorage, options: ProjectFilesOptions): ProjectFiles {
  const { endpoint, region, accessKeyId, secretAccessKey, sessionToken } = storage;
  const { side, connections } = options;
  const retry = { ...patience, ...options.retry };
  const transport = openTransport({
    ...{ bucket: "", anyName: true, region, endpoint, retry, ...(connections !== undefined && { connections }) },
    credentials: {
      ...{ accessKeyId, secretAccessKey: secretAccessKey.reveal() },
      ...(sessionToken && { sessionToken: sessionToken.reveal() }),
    },
    refuse: ({ operation }, { error }) => refusedBy(storage, side, operation, error),
  });
  const sendGet = signedGet(transport, endpoint);

  return {
    async buckets(signal) {
      const { Buckets = [] } = await transport.request({ operation: "ListBuckets", signal }, ({ client, watch }) =>
        client.send(new ListBucketsCommand({}), { abortSignal: watch.signal }),
      );
      return Buckets.flatMap(({ Name }) => Name ?? []);
    },
    async assertListed(bucket, signal) {
      const asked = { operation: "ListObjectsV2", bucket, signal, retry: once };
      await transport.request(asked, ({ client, watch }) =>
        client.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 }), { abortSignal: watch.signal }),
      );
    },
    async *list(bucket, signal) {
      const goesOn = watchPages(bucket, "");
      let next: string | undefined;
      for (;;) {
        const command = new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1000, ContinuationToken: next });
        const page = await transport.request({ operation: "ListObjectsV2", bucket, signal }, ({ client, watch }) =>
          client.send(command, { abortSignal: watch.signal }),
        );
        for (const content of page.Contents ?? []) yield rowOf(bucket, content);
        next = page.NextContinuationToken;
        if (!goesOn(page.IsTruncated, next)) return;
      }
    },
    async get(file, from, signal) {
      const watch = watchStalls(retry.stallSeconds, longestStream, signal);
      const abandon = (): void => {
        watch.abandon();
        watch[Symbol.dispose]();
      };
      const ended = (error: unknown): unknown => {
        const stalled = watch.signal.reason instanceof Stalled ? watch.signal.reason : error;
        abandon();
        return signal.aborted ? signal.reason : refusedBy(storage, side, "GetObject", stalled);
      };
      try {
        const answer = await sendGet(file, from === 0 ? undefined : `bytes=${from}-`, watch);
        if (from > 0 && answer.status !== 206) throw trouble("no range", 200);
        return { ...answer, abandon, body: watched(answer.body, watch, ended) };
      } catch (error) {
        throw ended(error);
      }
    },
    async head({ bucket, name }, signal) {
      const asked = { operation: "HeadObject", bucket, signal, retry: once };
      const answer = await transport.request(asked, ({ client, watch }) =>
        client.send(new HeadObjectCommand({ Bucket: bucket, Key: name }), { abortSignal: watch.signal }),
      );
      return {
        ...{ bytes: answer.ContentLength, etag: answer.ETag, contentType: answer.ContentType },
        ...{ cacheControl: answer.CacheControl, lastModified: answer.LastModified?.toUTCString() },
      };
    },
    read: ({ bucket, name }, signal, onBytes) =>
      transport.request({ operation: "GetObject", bucket, signal }, async ({ watch }) => {
        const answer = await sendGet({ bucket, name }, undefined, watch);
        if (answer.bytes === undefined) {
          // It could be without an end.
          watch.abandon();
          throw trouble("no length");
        }
        const hash = createHash("sha256");
        let bytes = 0;
        for await (const chunk of answer.body) {
          hash.update(chunk);
          bytes += chunk.length;
          watch.moved();
          onBytes?.(chunk.length);
        }
        if (bytes !== answer.bytes) throw new Error("the answer broke off");
        const { contentType = "", cacheControl = "" } = answer;
        return { bytes, sha256: hash.digest("hex"), contentType, cacheControl };
      }),
    isThere: ({ bucket, name, bytes }, signal) =>
      transport.request({ operation: "GetObject", bucket, signal }, async ({ watch }) => {
        try {
          const answer = await sendGet({ bucket, name }, bytes === 0 ? undefined : "bytes=0-0", watch);
          for await (const chunk of answer.body) if (chunk.length > 0) break;
          return true;
        } catch (error) {
          const { status, verdict } = readAnswer(error);
          // A row without its file: 500 on Supabase (observed). A passing 500 only means that the file is sent once more.
          if (status === 500 || verdict === "missing" || status === 416) return false;
          throw error;
        }
      }),
    remove: (bucket, names, signal) => remove(transport, bucket, names, signal),
    put: (file, content, signal) => put(transport, file, content, signal),
    putLarge: (file, content, partBytes, signal) => putLarge(transport, file, content, partBytes, signal),
    [Symbol.dispose]: () => transport.close(),
  };
}

async function* watched(
  body: AsyncIterable<Uint8Array>,
  watch: { moved(): void } & Disposable,
  ended: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array, void, undefined> {
  using _ = watch;
  try {
    for await (const chunk of body) {
      watch.moved();
      yield chunk;
      watch.moved();
    }
  } catch (error) {
    throw ended(error);
  }
}

function rowOf(
  bucket: string,
  listed: {
    Key?: string | undefined;
    Size?: number | undefined;
    ETag?: string | undefined;
    LastModified?: Date | undefined;
  },
): SourceRow {
  const { Key: name, Size: rowBytes } = listed;
  if (name === undefined || rowBytes === undefined || !Number.isSafeInteger(rowBytes) || rowBytes < 0)
    throw new OperationError("storage-list-unreadable", `The endpoint's list of bucket ${bucket} cannot be read.`);
  return {
    ...{ bucket, name, id: null, version: null, etag: bareEtag(listed.ETag), rowBytes },
    ...{ mimetype: null, cacheControl: null, ownerId: null, owner: null, createdAt: null, updatedAt: null },
    ...{ lastModified: listed.LastModified?.toISOString() ?? null, userMetadata: null },
  };
}

/** Whose files they are: a target is written as well, and its settings are named otherwise. */
export type Side = "source" | "target";

/**
 * What ended a request to a project's endpoint, in words that name neither a file nor a bucket. Settings that are wrong are
 * wrong for every file: then nothing more is tried.
 *
 * @returns ConfigurationError `storage-refused` or `target-storage-refused`, `target-mixed`; else StoreFailure
 */
export function refusedBy(storage: ProjectStorage, side: Side, operation: string, error: unknown): LifeboatError {
  if (error instanceof LifeboatError) return error;
  const { prefix, region } = storage;
  const answer = readAnswer(error);
  const { verdict, status } = answer;
  const whose = side === "source" ? "project" : "target";
  if (side === "target" && verdict === "no-bucket") {
    return new ConfigurationError(
      "target-mixed",
      "The target's storage endpoint does not know a bucket that is in the target's database: they belong to different projects.",
      `Make ${prefix}_STORAGE_ENDPOINT and ${prefix}_DATABASE_URL those of one project.`,
    );
  }
  // Wrong key and wrong region are answered alike (observed): AccessDenied, InvalidAccessKeyId or SignatureDoesNotMatch.
  const settings = verdict === "credentials" || verdict === "denied" || verdict === "region";
  if (settings || status === 401 || status === 403) {
    return new ConfigurationError(
      side === "source" ? "storage-refused" : "target-storage-refused",
      `The ${whose}'s S3 endpoint refuses the access key or the region ${region}: ${saidIn(answer)}.`,
      `Set ${prefix}_STORAGE_REGION to the project's region and ${prefix}_STORAGE_ACCESS_KEY_ID and _SECRET_ACCESS_KEY to an S3 access key of the project (dashboard, Storage, S3).`,
    );
  }
  const code = verdict === "missing" ? "s3-missing" : verdict === "again" ? "s3-unavailable" : "s3-refused";
  return new StoreFailure(
    answer,
    code,
    `${operation} at the ${whose}'s storage endpoint: ${saidIn(answer)}`,
    "Look at the project's health and at the network between, then run the same command again: it goes on where it stopped.",
  );
}

/** What an answer turns out to be by its content, where the endpoint says that all is well. Another attempt helps where no status is told. */
export function trouble(code: string, status?: number): StoreFailure {
  const answer = { verdict: status === undefined ? "again" : "final", code, status, region: undefined } as const;
  const kind = status === undefined ? "s3-unavailable" : "s3-refused";
  return new StoreFailure(answer, kind, `A file of the project's storage endpoint: ${saidIn(answer)}`);
}
