import { pipeline, Readable, Transform } from "node:stream";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { tooLarge } from "../base/bounded-answer.ts";
import { LifeboatError, OperationError } from "../base/errors.ts";
import { type RetryPolicy, Stalled, type StallWatch, watchStalls, withRetries } from "../base/flow/retry.ts";
import { readAnswer, storeError } from "./store-errors.ts";

/** One request: what it is called in errors, and who may call it off. */
interface Request {
  /** The API operation first, e.g. `UploadPart 3`. */
  readonly operation: string;
  /** Default: the transport's own. */
  readonly bucket?: string;
  readonly key?: string;
  readonly signal?: AbortSignal | undefined;
  /** Overrides of the vault's policy for this request. */
  readonly retry?: Partial<RetryPolicy>;
}

export interface Try {
  readonly client: S3Client;
  readonly bucket: string;
  /** To be told of every slice; its signal goes into the request. */
  readonly watch: StallWatch;
  /** 1 for the first attempt. From 2 on an earlier one may have been carried out without our seeing the answer. */
  readonly count: number;
}

export interface Transport {
  /** For what does not go through `request`. */
  readonly client: S3Client;
  readonly bucket: string;
  readonly region: string;
  /** True when the store is not AWS's own. */
  readonly foreign: boolean;
  /** Runs one request with retries, stall and attempt time-outs; throws what `refuse` makes of the last answer. */
  request<T>(request: Request, attempt: (with_: Try) => Promise<T>): Promise<T>;
  /** The `Date` header that came with an output of the SDK: the server's clock, in whole seconds. */
  dateOf(output: object): Date | undefined;
  close(): void;
}

export interface TransportSettings {
  readonly bucket: string;
  /** Buckets may have any name, as Supabase's may: `what?`, `a#b`, `arn:…`. */
  readonly anyName?: boolean;
  /** At a time; default: 64. */
  readonly connections?: number;
  /** The error that ends a request; default: `storeError`. */
  readonly refuse?: typeof storeError;
  readonly region: string;
  readonly endpoint?: string | undefined;
  readonly credentials?: S3ClientConfig["credentials"];
  readonly retry: RetryPolicy;
}

/** @throws nothing: settings are proved by the first request */
export function openTransport(settings: TransportSettings): Transport {
  const { region, endpoint, credentials, refuse = storeError } = settings;
  const agent = { keepAlive: true, maxSockets: settings.connections ?? 64 };
  const client = new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: 1, // we retry, so that a lost answer to a conditional write can be told from a refusal
    // The SDK's default adds a CRC32 in a trailer to every request and checks it in every answer. We send SHA-256 where
    // data matters and hash what we read; other stores reject or ignore the trailer.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    logger: silent, // it warns of each attempt that fails, in words that may quote the request
    expectContinueHeader: false, // it costs a round trip and a connection of its own per part
    requestHandler: {
      connectionTimeout: 10_000,
      requestTimeout: 0,
      socketTimeout: 0,
      httpsAgent: agent,
      httpAgent: agent,
    },
  });
  sendKnownHash(client);
  boundAnswers(client);
  if (settings.anyName) nameTruly(client);
  const dates = new WeakMap<object, Date>();
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response;
      const headers =
        typeof response === "object" && response !== null && "headers" in response ? response.headers : null;
      const date = typeof headers === "object" && headers !== null && "date" in headers ? headers.date : undefined;
      const told = typeof date === "string" ? new Date(date) : undefined;
      // A time that there is not is none: ages that cannot be computed must not pass for young.
      if (told !== undefined && !Number.isNaN(told.getTime()) && typeof result.output === "object")
        dates.set(result.output, told);
      return result;
    },
    { step: "deserialize", priority: "high", name: "serverDate" },
  );
  return {
    client,
    bucket: settings.bucket,
    region,
    foreign: endpoint !== undefined,
    dateOf: (output) => dates.get(output),
    close: () => client.destroy(),
    request(request, attempt) {
      const policy = { ...settings.retry, ...request.retry };
      const { operation, key, bucket = settings.bucket } = request;
      return withRetries(
        policy,
        async (count) => {
          using watch = watchStalls(policy.stallSeconds, policy.attemptSeconds, request.signal);
          try {
            return await attempt({ client, bucket, watch, count });
          } catch (error) {
            // The SDK adds words of its own to what it could not read.
            if (error instanceof LifeboatError && error.code === tooMuch().code) throw tooMuch();
            // The SDK hides the reason of an abort behind an error of its own.
            throw watch.signal.reason instanceof Stalled ? watch.signal.reason : error;
          }
        },
        (error) => readAnswer(error).verdict === "again",
        (end) => refuse({ operation, bucket, key, region }, end),
        request.signal,
      );
    },
  };
}

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** What the SDK takes for the bucket where the true name is put into the path by us. */
const standIn = "lifeboat-stand-in";

/**
 * The SDK takes some names for addresses (`arn:…`) and puts others into the path encoded twice (`what?`, `a#b`). The path is
 * set before the request is signed.
 */
function nameTruly(client: S3Client): void {
  const trueNames = new WeakMap<object, string>();
  client.middlewareStack.add(
    (next, context) => (args) => {
      const { input } = args;
      if (!("Bucket" in input) || input.Bucket === undefined) return next(args);
      trueNames.set(context, input.Bucket);
      return next({ ...args, input: { ...input, Bucket: standIn } });
    },
    { step: "initialize", priority: "high", name: "standInBucket" },
  );
  client.middlewareStack.add(
    (next, context) => (args) => {
      const { request } = args;
      const bucket = trueNames.get(context);
      if (bucket !== undefined && typeof request === "object" && request !== null && "path" in request) {
        Object.assign(request, { path: String(request.path).replace(`/${standIn}`, () => `/${encodePart(bucket)}`) });
      }
      return next(args);
    },
    { step: "build", name: "trueBucket" },
  );
}

/**
 * The signature of a request covers the SHA-256 of its body (`x-amz-content-sha256`). Where we know that hash already, the
 * SDK need not compute it again, a streamed body is covered too, and the store refuses a body that was damaged on its way.
 */
function sendKnownHash(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { input, request } = args;
      const known = "ChecksumSHA256" in input && "Body" in input ? input.ChecksumSHA256 : undefined;
      if (known !== undefined && typeof request === "object" && request !== null && "headers" in request) {
        Object.assign(request.headers as object, {
          "x-amz-content-sha256": Buffer.from(known, "base64").toString("hex"),
        });
      }
      return next(args);
    },
    { step: "build", name: "knownHash" },
  );
}

/** A page of a thousand keys of a kilobyte each, six characters for one where XML escapes them, has 7 MB. */
const mostXmlBytes = 12 * 1024 * 1024;
const tooMuch = () => tooLarge("An answer of the store", mostXmlBytes);

/**
 * Bounds what the SDK reads whole: lists, and every answer that says what went wrong. Contents are bounded by who reads them.
 * A store, or whoever stands in its place, could send an answer without an end.
 */
function boundAnswers(client: S3Client): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args);
        const { response } = result;
        if (!isAnswer(response) || (commandName === "GetObjectCommand" && response.statusCode < 300)) return result;
        const { body } = response;
        let left = mostXmlBytes;
        const bound = new Transform({
          transform(chunk: Uint8Array, _encoding, done) {
            left -= chunk.byteLength;
            if (left >= 0) done(null, chunk);
            else done(tooMuch());
          },
        });
        // Either end's error becomes the other's: the SDK reads the bounded one, and the connection is given up with it.
        pipeline(body, bound, () => {});
        response.body = bound;
        return result;
      },
    { step: "deserialize", priority: "low", name: "boundAnswers" },
  );
}

function isAnswer(response: unknown): response is { statusCode: number; body: Readable } {
  if (typeof response !== "object" || response === null || !("statusCode" in response)) return false;
  return typeof response.statusCode === "number" && "body" in response && response.body instanceof Readable;
}

/** A hundred million objects: no vault comes near, and no machine could keep their names. */
const mostPages = 100_000;

/**
 * Says after each page of a store's list whether there is another. A store that lies must neither keep us for ever nor have
 * what it leaves out taken for what is not there: every marker is new, and a list that is cut off says where it goes on.
 *
 * @returns false after the last page
 */
export function watchPages(bucket: string, prefix: string): (truncated: boolean | undefined, next?: string) => boolean {
  const seen = new Set<string>();
  const broken = (code: string, how: string) =>
    new OperationError(
      code,
      `The store's list of ${prefix === "" ? "everything" : prefix} in bucket ${bucket} ${how}`,
      "Look at the store's health, and at what stands between it and here: what a list leaves out may be there all the same.",
    );
  return (truncated, next) => {
    if (truncated !== true) return false;
    if (next === undefined) throw broken("s3-cut-off", "is cut off and does not say where it goes on");
    if (seen.has(next) || seen.size >= mostPages) throw broken("s3-endless", "does not come to an end");
    seen.add(next);
    return true;
  };
}

/** The chunks of an answer's body. */
export function bodyOf(body: unknown): AsyncIterable<Uint8Array> {
  if (typeof body === "object" && body !== null && Symbol.asyncIterator in body)
    return body as AsyncIterable<Uint8Array>;
  throw new Error("the answer has no body");
}

/** Everything but letters, digits and `-_.~` in percent, as S3 signs it. */
export function encodePart(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
