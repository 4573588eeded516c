import { createHash } from "node:crypto";
import { GetObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { bufferUsed } from "../../base/collector.ts";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { isMissing, readAnswer } from "../../s3/store-errors.ts";
import { bodyOf, type Transport } from "../../s3/transport.ts";
import type { Segment } from "../format/manifest.ts";
import type { Vault } from "./client.ts";

/** A part of an object, as the manifest describes it. */
interface Range {
  readonly key: string;
  /** Where the part begins, and how much it is, in bytes. */
  readonly offset: number;
  readonly bytes: number;
  /** Size of the whole object. */
  readonly objectBytes: number;
}

/**
 * Why what the store holds is not what was expected, e.g. `is missing`. Its message completes a sentence that begins with
 * the object's name.
 */
export class Unlike extends OperationError {
  /** @param how e.g. `is missing` */
  constructor(how: string) {
    super("stored-unlike", how);
  }
}

/**
 * Reads one part and hashes it. The bytes also go into `into`, when given: they are worth something only if the returned
 * hash is the expected one.
 * @returns SHA-256 in hex of exactly `range.bytes` bytes
 * @throws Unlike when the object is missing, shorter or longer than it should be; OperationError `s3-unavailable`
 */
export async function readRange(
  transport: Transport,
  range: Range,
  options: { into?: Buffer | undefined; signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const { key, offset, bytes, objectBytes } = range;
  const last = offset + bytes - 1;
  const request = { operation: "GetObject", key, signal: options.signal };
  return await transport.request(request, async ({ client, bucket, watch }) => {
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=${offset}-${last}` });
    const answer = await client.send(command, { abortSignal: watch.signal }).catch((error: unknown) => {
      const { verdict, status } = readAnswer(error);
      if (verdict === "missing") throw new Unlike("is missing");
      if (status === 416) throw new Unlike(`is shorter than ${objectBytes} bytes`);
      throw error;
    });
    const total = Number(/\/(\d+)$/.exec(answer.ContentRange ?? "")?.[1] ?? answer.ContentLength);
    if (total !== objectBytes) {
      watch.abandon();
      throw new Unlike(`has ${total} bytes instead of ${objectBytes}`);
    }
    const hash = createHash("sha256");
    let got = 0;
    for await (const chunk of bodyOf(answer.Body)) {
      if (got + chunk.byteLength > bytes) {
        watch.abandon();
        throw new Unlike("answers with more than was asked for");
      }
      hash.update(chunk);
      options.into?.set(chunk, got);
      got += chunk.byteLength;
      bufferUsed(chunk.byteLength);
      watch.moved();
    }
    if (got !== bytes) throw new Error("the answer broke off");
    return hash.digest("hex");
  });
}

interface ReadBackOptions {
  /** Parts read at a time; default 3. Nothing is kept in memory. */
  readonly inFlight?: number;
  readonly signal?: AbortSignal;
  /** Called with the bytes of each part that has proved equal. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Reads everything that was stored and compares it with what was sent, part by part. There is no second chance: a store
 * that answers once with other bytes is not one to publish a set in.
 * @throws OperationError `stored-differs` names the object and the part; `s3-unavailable`
 */
export async function readBack(
  vault: Vault,
  prefix: string,
  segments: readonly Segment[],
  options: ReadBackOptions = {},
): Promise<void> {
  const ended = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, ended.signal]) : ended.signal;
  const parts = segments.flatMap((segment) => {
    let offset = 0;
    return segment.parts.map((part, index) => {
      const from = offset;
      offset += part.bytes;
      return { segment, part, index, offset: from };
    });
  });
  try {
    await mapBounded(parts, options.inFlight ?? 3, async ({ segment, part, index, offset }) => {
      const key = prefix + segment.key;
      const range = { key, offset, bytes: part.bytes, objectBytes: segment.bytes };
      const differs = (how: string) =>
        new OperationError(
          "stored-differs",
          `${key} in bucket ${vault.bucket} ${how}: the store does not hold what was sent (part ${index + 1} of ${segment.parts.length})`,
          "Do not trust this bucket before its store has been looked at; run the backup again.",
        );
      const sha256 = await readRange(vault.transport, range, { signal }).catch((error: unknown) => {
        throw error instanceof Unlike ? differs(error.message) : error;
      });
      if (sha256 !== part.sha256) throw differs("has another SHA-256");
      options.onBytes?.(part.bytes);
    });
  } catch (error) {
    ended.abort(error); // the other lanes need not finish their parts
    throw error;
  }
}

/**
 * Reads a small object again and compares it with what was sent: an answer that says "stored" is no proof.
 * @param metadata what must be there with it
 * @throws OperationError `stored-differs` when it is missing or other than what was sent; `s3-unavailable`
 */
export async function assertStored(
  vault: Vault,
  key: string,
  body: Uint8Array,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const differs = (how: string) =>
    new OperationError(
      "stored-differs",
      `${key} in bucket ${vault.bucket} ${how}: the store does not hold what it said it had stored`,
      "Do not trust this bucket before its store has been looked at; run the backup again.",
    );
  const found = await vault.get(key, { maxBytes: body.byteLength }).catch((error: unknown) => {
    if (error instanceof LifeboatError && error.code === "s3-missing") throw differs("is not there");
    if (error instanceof LifeboatError && error.code === "s3-too-large") throw differs("is longer than what was sent");
    throw error;
  });
  if (Buffer.compare(found.body, body) !== 0) throw differs("has other content");
  for (const [name, value] of Object.entries(metadata)) {
    if (found.metadata?.[name] !== value) throw differs("lacks its metadata");
  }
}

/**
 * Whether the store holds the very bytes that an object was stored with. Its size says nothing: whoever can write the bucket
 * can put others of the same size there. S3 itself hashes what is uploaded and tells; what another store tells of a hash it
 * need not have computed, and its bytes are read.
 * @param segment with a whole key
 */
export async function holds(vault: Vault, segment: Segment, signal: AbortSignal): Promise<boolean> {
  const told = await toldHash(vault, segment.key, signal).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (told === null || told?.bytes !== segment.bytes) return false;
  if (!vault.transport.foreign && told.sha256 !== undefined) return told.sha256 === storedHash(segment);
  return readBack(vault, "", [segment], { signal }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof LifeboatError && error.code === "stored-differs") return false;
      throw error;
    },
  );
}

/**
 * As S3 tells it: the hash of an object that was sent whole, or the hash of its parts' hashes and their number (Checking
 * object integrity, "Checksums of checksums", S3 User Guide).
 */
export function storedHash({ sha256, parts }: Segment): string {
  if (parts.length === 1) return Buffer.from(sha256, "hex").toString("base64");
  const hashes = Buffer.concat(parts.map((part) => Buffer.from(part.sha256, "hex")));
  return `${createHash("sha256").update(hashes).digest("base64")}-${parts.length}`;
}

async function toldHash({ transport }: Vault, key: string, signal: AbortSignal) {
  return transport.request({ operation: "HeadObject", key, signal }, async ({ client, bucket, watch }) => {
    const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: "ENABLED" });
    const { ContentLength, ChecksumSHA256 } = await client.send(command, { abortSignal: watch.signal });
    return { bytes: ContentLength ?? 0, sha256: ChecksumSHA256 };
  });
}
