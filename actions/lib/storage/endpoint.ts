import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { z } from "zod";
import { boundedText } from "../base/bounded-answer.ts";
import { ConfigurationError, OperationError } from "../base/errors.ts";
import type { ProjectStorage } from "../config/environment.ts";
import { createSigner, encodePart, encodePath } from "./request-signature.ts";
import { type Bucket, bareEtag, type SourceRow } from "./rows.ts";

/** An answer other than 2xx, or none: what it means is for the caller to say. Its message names no file. */
export class EndpointTrouble extends Error {
  /** Undefined: the network broke off. */
  readonly status: number | undefined;
  /** S3's code, e.g. `NoSuchKey`, or the network's. */
  readonly code: string;

  constructor(status: number | undefined, code: string) {
    super(status === undefined ? code : `${code} (${status})`);
    this.status = status;
    this.code = code;
  }

  /** Another attempt may help. A row whose file is lost answers 500 as well (observed): patience must have an end. */
  get passing(): boolean {
    const { status } = this;
    return status === undefined || status === 429 || status === 408 || status >= 500;
  }

  /** The file, or its bucket, is not there. */
  get missing(): boolean {
    return this.status === 404;
  }
}

export interface FileAnswer {
  /** Content-Length of what comes, in bytes; undefined when the endpoint does not say. */
  readonly bytes: number | undefined;
  /** Size of the whole file, also where a range was asked for. */
  readonly wholeBytes: number | undefined;
  readonly etag: string | undefined;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
  readonly lastModified: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the connection up; what was not read is lost. */
  abandon(): void;
}

/**
 * A project's S3 endpoint, for reading: it sends GET, HEAD and lists, nothing else. (Others have surprised: tagging an
 * object overwrites it there.)
 */
export interface StorageEndpoint {
  /** @param from first byte wanted; 0 for all @throws EndpointTrouble, ConfigurationError `storage-refused` */
  get(bucket: string, name: string, from?: number, signal?: AbortSignal): Promise<FileAnswer>;
  head(bucket: string, name: string, signal?: AbortSignal): Promise<Omit<FileAnswer, "body" | "abandon">>;
  /** The XML of an answer to a GET with this query, e.g. a page of a list; of the service itself with bucket "". */
  document(bucket: string, query: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<string>;
  [Symbol.dispose](): void;
}

/** A thousand names of a kilobyte each, six characters for one where XML escapes them, have 6 MB. */
const mostListBytes = 16 * 1024 * 1024;

/** An answer in which nothing moves for so long is given up. */
const silenceMillis = 30_000;

export function openEndpoint(storage: ProjectStorage, connections: number): StorageEndpoint {
  const { protocol, hostname, port, pathname } = new URL(storage.endpoint);
  const secure = protocol === "https:";
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: connections });
  const send = secure ? httpsRequest : httpRequest;
  const sign = createSigner(storage);
  const root = pathname.replace(/\/+$/, "");

  const ask = async (
    method: "GET" | "HEAD",
    path: string,
    query: string,
    more: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> => {
    const headers = sign(method, path, query, more);
    const options = { method, hostname, path: query === "" ? path : `${path}?${query}`, headers, agent };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = send({ ...options, ...(port !== "" && { port }), ...(signal && { signal }) }, resolve);
      request.setTimeout(silenceMillis, () => request.destroy(new EndpointTrouble(undefined, "nothing moved")));
      request.on("error", reject);
      request.end();
    }).catch((error: unknown) => {
      throw troubleOf(error, signal);
    });
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    throw refusal(storage, status, await codeOf(answer));
  };

  return {
    async get(bucket, name, from = 0, signal) {
      const path = `${root}/${encodePart(bucket)}/${encodePath(name)}`;
      const answer = await ask("GET", path, "", from === 0 ? {} : { range: `bytes=${from}-` }, signal);
      if (from > 0 && answer.statusCode !== 206) {
        answer.destroy();
        throw new EndpointTrouble(answer.statusCode, "no range");
      }
      return { ...describe(answer), body: bodyOf(answer, signal), abandon: () => void answer.destroy() };
    },
    async head(bucket, name, signal) {
      const answer = await ask("HEAD", `${root}/${encodePart(bucket)}/${encodePath(name)}`, "", {}, signal);
      answer.resume();
      return describe(answer);
    },
    async document(bucket, query, signal) {
      const path = bucket === "" ? `${root}/` : `${root}/${encodePart(bucket)}`;
      const pairs = Object.entries(query).sort(([a], [b]) => (a < b ? -1 : 1));
      const text = pairs.map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`).join("&");
      const answer = await ask("GET", path, text, {}, signal);
      return boundedText(bodyOf(answer, signal), "A list of the project's storage endpoint", mostListBytes);
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}

function describe({ headers }: IncomingMessage): Omit<FileAnswer, "body" | "abandon"> {
  const length = headers["content-length"];
  const bytes = length === undefined ? undefined : Number(length);
  const range = /\/(\d+)$/.exec(headers["content-range"] ?? "")?.[1];
  return {
    bytes,
    wholeBytes: range === undefined ? bytes : Number(range),
    etag: headers.etag,
    contentType: headers["content-type"],
    cacheControl: headers["cache-control"],
    lastModified: headers["last-modified"],
  };
}

async function* bodyOf(
  answer: IncomingMessage,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of answer) yield chunk as Uint8Array;
  } catch (error) {
    throw troubleOf(error, signal);
  }
}

/** A HEAD's refusal has no body, and so no code. */
async function codeOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const chunk of answer.setEncoding("utf8")) {
      text += String(chunk);
      if (text.length > 4096) break;
    }
  } catch {
    // The status says enough.
  }
  return /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? "no reason given";
}

function troubleOf(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof EndpointTrouble || error instanceof ConfigurationError) return error;
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "network";
  return new EndpointTrouble(undefined, /^\w+$/.test(code) ? code : "network");
}

/** Wrong key and wrong region are answered alike (observed): AccessDenied, InvalidAccessKeyId or SignatureDoesNotMatch. */
function refusal({ prefix, region }: ProjectStorage, status: number, code: string): Error {
  if (status !== 401 && status !== 403) return new EndpointTrouble(status, code);
  return new ConfigurationError(
    "storage-refused",
    `The project's S3 endpoint refuses the access key or the region ${region}: ${code} (${status}).`,
    `Set ${prefix}_STORAGE_REGION to the project's region and ${prefix}_STORAGE_ACCESS_KEY_ID and _SECRET_ACCESS_KEY to an S3 access key of the project (dashboard, Storage, S3).`,
  );
}

/** Buckets as the endpoint lists them: it tells their names and nothing of their limits. */
export async function listBuckets(
  endpoint: StorageEndpoint,
  only: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<Bucket[]> {
  const xml = await endpoint.document("", {}, signal);
  const names = elements(xml, "Bucket").map((bucket) => textOf(bucket, "Name") ?? "");
  return names
    .filter((name) => name !== "" && (only === undefined || only.includes(name)))
    .sort()
    .map((name) => ({
      ...{ id: name, name, public: null, fileSizeLimit: null, allowedMimeTypes: null, owner: null, ownerId: null },
      ...{ createdAt: null, updatedAt: null, avifAutodetection: null, type: null },
    }));
}

/**
 * Every file of a bucket as the endpoint lists it, in byte order. Ids, versions, owners and user metadata are not to be had
 * this way; types come with the content.
 */
export async function* listFiles(
  endpoint: StorageEndpoint,
  bucket: string,
  signal?: AbortSignal,
): AsyncGenerator<SourceRow, void, undefined> {
  let token: string | undefined;
  do {
    const query = { "list-type": "2", "max-keys": "1000", ...(token !== undefined && { "continuation-token": token }) };
    const xml = await endpoint.document(bucket, query, signal);
    for (const content of elements(xml, "Contents")) yield readContent(bucket, content);
    token = textOf(xml, "IsTruncated") === "true" ? textOf(xml, "NextContinuationToken") : undefined;
  } while (token !== undefined);
}

function readContent(bucket: string, xml: string): SourceRow {
  const size = z.coerce.number().int().nonnegative().safeParse(textOf(xml, "Size"));
  const name = textOf(xml, "Key");
  if (name === undefined || !size.success)
    throw new OperationError("storage-list-unreadable", `The endpoint's list of bucket ${bucket} cannot be read.`);
  return {
    ...{ bucket, name, id: null, version: null, etag: bareEtag(textOf(xml, "ETag")), rowBytes: size.data },
    ...{ mimetype: null, cacheControl: null, ownerId: null, owner: null, createdAt: null, updatedAt: null },
    ...{ lastModified: textOf(xml, "LastModified") ?? null, userMetadata: null },
  };
}

function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, "gs"))].map(([, inner]) => inner ?? "");
}

function textOf(xml: string, name: string): string | undefined {
  const inner = new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(xml)?.[1];
  return inner?.replaceAll(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (whole, decimal, hex, named) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return entities[named] ?? whole;
  });
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
