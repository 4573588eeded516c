import { randomUUID } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { noSuchKey, StorageError, sendXml, textsOf } from "./answer.ts";
import { bodyOf, declaredBytes, textOf } from "./body.ts";
import type { FileBytes, Written } from "./bytes.ts";
import type { Exchange } from "./call.ts";
import { spoilt } from "./faults.ts";
import { checkKey, checkMimeType, checkSize } from "./limits.ts";
import type { BucketRow, StorageRows } from "./rows.ts";

export interface Place {
  readonly rows: StorageRows;
  readonly files: FileBytes;
}

/** What the client said about an object, to be kept with it. */
export interface Told {
  readonly contentType: string;
  readonly cacheControl: string;
  readonly userMetadata: Record<string, string> | undefined;
}

export function toldBy({ request: { headers } }: Exchange): Told {
  const own = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith("x-amz-meta-") && typeof value === "string" ? [[name.slice("x-amz-meta-".length), value]] : [],
  );
  return {
    contentType: headers["content-type"] || "application/octet-stream",
    cacheControl: headers["cache-control"] ?? "no-cache",
    userMetadata: own.length === 0 ? undefined : Object.fromEntries(own),
  };
}

/** Over whatever is there, whatever conditions and checksums the client sends (observed). */
export async function putObject({ rows, files }: Place, exchange: Exchange): Promise<void> {
  const { call, request, response } = exchange;
  const bucket = await rows.bucket(call.bucket);
  const declared = declaredBytes(request);
  const name = call.key.endsWith("/") && declared === 0 ? `${call.key}.emptyFolderPlaceholder` : call.key;
  const told = toldBy(exchange);
  checkMimeType(told.contentType, bucket, name);
  checkSize(declared ?? 0, bucket, name);
  checkKey(name);
  const version = randomUUID();
  try {
    const written = await files.write(version, bodyOf(request));
    checkSize(written.bytes, bucket, name);
    const eTag = `"${written.md5}"`;
    await record({ rows, files }, bucket, name, version, eTag, written.bytes, {
      ...told,
      userMetadata: told.userMetadata ?? {},
    });
    response.writeHead(200, { etag: eTag }).end();
  } catch (error) {
    await files.remove(version);
    throw error;
  }
}

/** Makes a written version the object's; the one before goes. */
export async function record(
  { rows, files }: Place,
  bucket: BucketRow,
  name: string,
  version: string,
  eTag: string,
  bytes: Written["bytes"],
  { contentType, cacheControl, userMetadata }: Told,
): Promise<void> {
  const now = new Date();
  await files.carry(version, { contentType, cacheControl, eTag, writtenAt: now.toUTCString() });
  const before = await rows.upsert(
    bucket.id,
    name,
    version,
    {
      ...{ eTag, size: bytes, mimetype: contentType, cacheControl, contentLength: bytes, httpStatusCode: 200 },
      lastModified: now.toISOString(),
    },
    userMetadata,
  );
  if (before !== undefined && before !== version) await files.remove(before);
}

/** Bytes, type and cache control as they were stored; a row without its file is our fault, not the client's: 500 (observed). */
export async function getObject({ rows, files }: Place, { call, request, response, fault }: Exchange): Promise<void> {
  // Reading asks it too, also of a row that is there (observed).
  checkKey(call.key);
  const row = await rows.object(call.bucket, call.key);
  if (row === undefined) throw noSuchKey();
  const found = row.version === null ? undefined : await files.find(row.version);
  if (found === undefined || row.version === null)
    throw new StorageError(500, "InternalError", "Internal Server Error");
  const range = readRange(request.headers.range, found.bytes);
  const bytes = range === undefined ? found.bytes : range.end - range.start + 1;
  response.writeHead(range === undefined ? 200 : 206, {
    "cache-control": found.carried.cacheControl,
    "content-length": fault === "short-read" ? Math.floor(bytes / 2) : bytes,
    "content-type": found.carried.contentType,
    etag: found.carried.eTag,
    "last-modified": found.carried.writtenAt,
    ...(range === undefined ? {} : { "content-range": `bytes ${range.start}-${range.end}/${found.bytes}` }),
    ...userHeaders(row.user_metadata),
  });
  if (bytes === 0) response.end();
  else await pipeline(spoilt(files.read(row.version, range), bytes, fault), response);
}

/** From the row alone: also where the file is lost. */
export async function headObject({ rows }: Place, { call, response }: Exchange): Promise<void> {
  checkKey(call.key);
  const row = await rows.object(call.bucket, call.key);
  if (row === undefined) throw noSuchKey();
  const { metadata } = row;
  response
    .writeHead(200, {
      "cache-control": metadata?.cacheControl ?? "",
      "content-length": metadata?.size ?? 0,
      "content-type": metadata?.mimetype ?? "",
      etag: metadata?.eTag ?? "",
      ...(row.updated_at === null ? {} : { "last-modified": row.updated_at.toUTCString() }),
      ...userHeaders(row.user_metadata),
    })
    .end();
}

/** Gone is gone, whether or not it was there. */
export async function deleteObject(place: Place, { call, response }: Exchange): Promise<void> {
  await place.rows.bucket(call.bucket);
  await removeAll(place, call.bucket, [call.key]);
  response.writeHead(204).end();
}

export async function deleteObjects(place: Place, { call, request, response }: Exchange): Promise<void> {
  const names = textsOf(await textOf(request), "Key");
  await place.rows.bucket(call.bucket);
  await removeAll(place, call.bucket, names);
  sendXml(response, 200, { DeleteResult: { Deleted: names.map((Key) => ({ Key })) } });
}

async function removeAll({ rows, files }: Place, bucket: string, names: readonly string[]): Promise<void> {
  for (const version of (await rows.remove(bucket, names)).values()) if (version !== null) await files.remove(version);
}

/** Only plain ASCII strings travel; the others are counted (observed). */
function userHeaders(userMetadata: Record<string, unknown> | null): Record<string, string | number> {
  const headers: Record<string, string | number> = {};
  let missing = 0;
  for (const [name, value] of Object.entries(userMetadata ?? {})) {
    const plain = typeof value === "string" && /^[\x20-\x7e\t]*$/.test(value) && /^[\w!#$%&'*+.^`|~-]+$/.test(name);
    if (plain) headers[`x-amz-meta-${name.toLowerCase()}`] = value;
    else missing++;
  }
  if (missing > 0) headers["x-amz-missing-meta"] = missing;
  return headers;
}

function readRange(header: string | undefined, bytes: number): { start: number; end: number } | undefined {
  const found = /^bytes=(\d+)-(\d*)$/.exec(header ?? "");
  if (found === null) return undefined;
  const start = Number(found[1]);
  const end = found[2] === "" ? bytes - 1 : Math.min(Number(found[2]), bytes - 1);
  if (start > end) throw new StorageError(416, "InvalidRange", "Invalid range provided");
  return { start, end };
}
