import { OperationError } from "../../base/errors.ts";
import type { Artifact, Segment } from "../format/manifest.ts";
import type { Vault } from "./client.ts";
import { readRange, Unlike } from "./read-back.ts";

const sliceBytes = 256 * 1024;

interface OpenOptions {
  /** Parts fetched ahead of the reader; default 2. The vault's memory budget may allow fewer. */
  readonly ahead?: number;
  /** The reader is done with a chunk when it asks for the next: it is not copied, its memory is used again. */
  readonly recycled?: boolean;
  readonly signal?: AbortSignal;
}

interface Fetched {
  readonly buffer: Buffer;
  readonly bytes: number;
}

/**
 * The stored bytes of an artifact, all its segments joined. A part is handed on only when its size and SHA-256 are those
 * of the manifest, so that nothing which was tampered with reaches the opener.
 * @throws OperationError `artifact-damaged` names artifact, object and part; `s3-unavailable`; the signal's reason
 */
export async function* openArtifact(
  vault: Vault,
  prefix: string,
  artifact: Pick<Artifact, "name" | "segments">,
  options: OpenOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const stopped = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stopped.signal]) : stopped.signal;
  using memory = vault.memory.join();
  const largest = Math.max(...artifact.segments.flatMap(({ parts }) => parts.map(({ bytes }) => bytes)));
  const ahead: Promise<Fetched>[] = [];
  const parts = everyPart(artifact.segments);
  const keep: Buffer[] = [];

  // Buffers are taken in the order of the parts: the first part in line always has one.
  const fetchNext = () => {
    const next = parts.next();
    if (next.done) return;
    const buffer = memory.take(largest, signal);
    const fetched = buffer.then(async (into) => {
      keep.push(into);
      await fetchVerified(vault, prefix, artifact.name, next.value, into, signal);
      return { buffer: into, bytes: next.value.bytes };
    });
    fetched.catch(() => {}); // heard when its turn comes, or not at all when the reader leaves first
    ahead.push(fetched);
  };

  try {
    for (let i = 0; i <= (options.ahead ?? 2); i++) fetchNext();
    for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
      const { buffer, bytes } = await next;
      for (let from = 0; from < bytes; from += sliceBytes) {
        const slice = buffer.subarray(from, Math.min(from + sliceBytes, bytes));
        // Copies, because the buffer is used again while a stream may still queue what it was given.
        yield options.recycled ? slice : Buffer.from(slice);
      }
      keep.splice(keep.indexOf(buffer), 1);
      memory.give(buffer);
      fetchNext();
    }
  } finally {
    stopped.abort(new Error("the reader has left"));
    await Promise.allSettled(ahead);
    for (const buffer of keep) memory.give(buffer);
  }
}

interface Part {
  readonly segment: Segment;
  readonly number: number;
  readonly offset: number;
  readonly bytes: number;
  readonly sha256: string;
}

function* everyPart(segments: readonly Segment[]): Generator<Part, void, undefined> {
  for (const segment of segments) {
    let offset = 0;
    for (const [index, part] of segment.parts.entries()) {
      yield { segment, number: index + 1, offset, ...part };
      offset += part.bytes;
    }
  }
}

async function fetchVerified(
  vault: Vault,
  prefix: string,
  name: string,
  part: Part,
  into: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const { segment, number, offset, bytes } = part;
  const range = { key: prefix + segment.key, offset, bytes, objectBytes: segment.bytes };
  const damaged = (how: string) =>
    new OperationError(
      "artifact-damaged",
      `${name} is damaged: ${range.key} in bucket ${vault.bucket} ${how} (part ${number} of ${segment.parts.length})`,
      "Use another set (`lifeboat list`), and look for an older version or a replica of this object.",
    );
  // Read twice before it is called damaged: here, unlike at read-back, a right answer proves itself.
  for (let reading = 1; ; reading++) {
    const sha256 = await readRange(vault.transport, range, { into, signal }).catch((error: unknown) => {
      throw error instanceof Unlike ? damaged(error.message) : error;
    });
    if (sha256 === part.sha256) return;
    if (reading === 2) throw damaged("has another SHA-256 than its manifest");
  }
}
