import { createHash, type Hash } from "node:crypto";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { untilAborted } from "../../base/flow/chunks.ts";
import type { Segment } from "../format/manifest.ts";
import type { Vault } from "./client.ts";
import { openSegment, type SegmentOptions, type SegmentWriter } from "./segment-writer.ts";

const MiB = 1024 * 1024;

interface UploadOptions {
  /** What the manifest leaves out of the segments' keys: the set's prefix, ending in "/". */
  readonly prefix: string;
  /** Stored bytes per part, 5 MiB to 5 GiB (S3's own bounds); default 16 MiB. */
  readonly partBytes?: number;
  /** Parts per object, up to S3's 10,000, which is the default. What is longer goes on in the next segment. */
  readonly maxParts?: number;
  /** Parts on their way at a time; default 3. The vault's memory budget may allow fewer. */
  readonly inFlight?: number;
  /** Object tags, URL-encoded; every segment gets them. */
  readonly tags?: string;
  readonly signal?: AbortSignal;
  /** Called with the stored bytes of each part that the store has taken. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Stores a stream as one object, or as several that `cat` joins: `key`, `key.002`, `key.003`… Nothing is replaced. Every
 * part is covered by its SHA-256, so that the store refuses one that was damaged on its way.
 * @returns the segments with the SHA-256 of each part and of the whole object
 * @throws OperationError `s3-unavailable`, `s3-condition` (the key is taken), `artifact-empty`; the source's own error; the
 * signal's reason. Unfinished multipart uploads have been aborted then. What stays for the clean-up: finished segments, and
 * an upload that was called off before the store had answered with its id.
 */
export async function uploadStream(
  vault: Vault,
  key: string,
  source: AsyncIterable<Uint8Array>,
  options: UploadOptions,
): Promise<Segment[]> {
  const { prefix, partBytes = 16 * MiB, maxParts = 10_000, inFlight = 3, onBytes } = options;
  if (!key.startsWith(prefix))
    throw new ConfigurationError("upload-outside-set", `${key} does not lie below ${prefix}`);
  if (partBytes < 5 * MiB || partBytes > 5 * 1024 * MiB || maxParts < 1 || maxParts > 10_000)
    throw new ConfigurationError(
      "part-size",
      `parts of ${partBytes} bytes, ${maxParts} an object: S3 takes 5 MiB to 5 GiB, 10,000`,
    );

  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  using memory = vault.memory.join();
  const segments: Segment[] = [];
  const onTheWay = new Set<Promise<void>>();
  let current: OpenSegment | undefined;
  let buffer: Buffer | undefined;
  let filled = 0;

  const ship = async (last: boolean) => {
    if (buffer === undefined) throw new OperationError("artifact-empty", `${key}: nothing came out of its source`);
    current ??= beginSegment(vault, key, segments.length + 1, { signal, tags: options.tags });
    const mine = buffer;
    const part = current.count(mine.subarray(0, filled));
    buffer = undefined;
    filled = 0;
    const ends = last || current.parts.length === maxParts;
    const sending = (ends ? current.writer.finish(part) : current.writer.add(part))
      .then(() => onBytes?.(part.bytes.byteLength))
      .finally(() => memory.give(mine));
    const settled = sending.catch((error: unknown) => failed.abort(error)).finally(() => onTheWay.delete(settled));
    onTheWay.add(settled);
    if (ends) {
      await sending;
      segments.push(current.describe(prefix));
      current = undefined;
    } else if (onTheWay.size >= inFlight) await Promise.race(onTheWay);
    signal.throwIfAborted();
  };

  try {
    for await (const chunk of untilAborted(source, signal)) {
      for (let from = 0; from < chunk.byteLength; ) {
        // A full part is sent when more comes: only so the last one is known to be the last.
        if (filled === partBytes) await ship(false);
        buffer ??= await memory.take(partBytes, signal);
        const slice = chunk.subarray(from, from + partBytes - filled);
        buffer.set(slice, filled);
        filled += slice.byteLength;
        from += slice.byteLength;
      }
    }
    await ship(true);
    return segments;
  } catch (error) {
    failed.abort(error);
    await Promise.all(onTheWay);
    await current?.writer.abort();
    if (buffer !== undefined) memory.give(buffer);
    throw options.signal?.aborted ? options.signal.reason : failed.signal.reason;
  }
}

interface OpenSegment {
  readonly writer: SegmentWriter;
  readonly parts: { bytes: number; sha256: string }[];
  count(bytes: Buffer): { bytes: Buffer; sha256: string };
  describe(prefix: string): Segment;
}

function beginSegment(vault: Vault, key: string, number: number, options: SegmentOptions): OpenSegment {
  const own = number === 1 ? key : `${key}.${String(number).padStart(3, "0")}`;
  const whole: Hash = createHash("sha256");
  const parts: OpenSegment["parts"] = [];
  return {
    writer: openSegment(vault.transport, own, options),
    parts,
    count(bytes) {
      whole.update(bytes);
      // So far the object is its first part, and many are no more than that.
      const hash = parts.length === 0 ? whole.copy() : createHash("sha256").update(bytes);
      const part = { bytes: bytes.byteLength, sha256: hash.digest("hex") };
      parts.push(part);
      return { bytes, sha256: part.sha256 };
    },
    describe: (prefix) => ({
      key: own.slice(prefix.length),
      bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
      sha256: whole.digest("hex"),
      parts,
    }),
  };
}
