import { OperationError } from "../../../base/errors.ts";
import { type ArchiveHeader, Cursor, damaged, readHeader, readToc, type TocEntry } from "./toc.ts";

interface Inspected {
  /** The source's own chunks, in its own time. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** Known once the stream has passed that far. Rejects as `readArchive` does; the stream then goes on all the same. */
  readonly toc: Promise<readonly TocEntry[]>;
  readonly header: Promise<ArchiveHeader>;
}

/** Who reads the rows of a table on their way through; rows without a reader are passed over. */
type ReaderOf = (entry: TocEntry) => FrameReader | undefined;

/**
 * Reads an archive's table of contents on its way through, and with `readerOf` the rows too; what a reader throws fails
 * the stream. Chunks are kept only until the table of contents has been read, so back-pressure is the stream's own.
 * `stream` can be read once, and has to be for `toc` to settle.
 */
export function inspectArchive(source: AsyncIterable<Uint8Array>, readerOf?: ReaderOf): Inspected {
  const front = new Front();
  const cursor = new Cursor(front);
  const header = readHeader(cursor);
  const toc = header.then((read) => readToc(cursor, read));
  // The stream's reader may fail first and never look at these.
  header.catch(() => undefined);
  const read = toc.then(
    (entries) => {
      front.close();
      if (readerOf === undefined) return undefined;
      const walk = new ArchiveWalk(entries, cursor.offset, readerOf);
      return { walk, unread: cursor.chunk.length - cursor.at };
    },
    () => {
      front.close();
      return undefined;
    },
  );
  return { stream: passThrough(source, front, read), toc, header };
}

async function* passThrough(
  source: AsyncIterable<Uint8Array>,
  front: Front,
  read: Promise<{ readonly walk: ArchiveWalk; readonly unread: number } | undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let walk: ArchiveWalk | undefined;
  try {
    for await (const chunk of source) {
      if (front.isOpen) {
        const begun = await Promise.race([read, front.push(chunk)]);
        if (begun) {
          walk = begun.walk;
          walk.push(chunk.subarray(chunk.length - begun.unread));
        }
      } else walk?.push(chunk);
      yield chunk;
    }
    front.end(undefined);
    walk?.finish();
  } finally {
    front.end(
      new OperationError(
        "archive-damaged",
        "The pg_dump archive was not read to the end of its table of contents.",
        "Look at what stopped the stream, and run it again.",
      ),
    );
  }
}

/** The chunks at the front of the stream, for the one reader of the table of contents. */
class Front implements AsyncIterableIterator<Uint8Array> {
  #chunks: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: OperationError | undefined;
  #closed = false;
  #used: (() => void) | undefined;

  get isOpen(): boolean {
    return !this.#closed;
  }

  /** Resolves when the reader has used the chunk and wants another one. */
  push(chunk: Uint8Array): Promise<undefined> {
    // A copy: the source may use the chunk's memory again as soon as it has passed through.
    this.#chunks.push(Uint8Array.from(chunk));
    return new Promise((resolve) => {
      this.#used = () => resolve(undefined);
      this.#wake?.();
    });
  }

  end(error: OperationError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#chunks = [];
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return { value: chunk, done: false };
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return { value: undefined, done: true };
      this.#used?.();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Takes the frames of a block: a length and that many bytes, up to one of length 0. */
export interface FrameReader {
  /** Takes the next bytes, cut anywhere; returns how many of them it has taken: all before the end. */
  push(chunk: Uint8Array): number;
  /** Whether the last frame has passed. */
  readonly ended: boolean;
}

/**
 * Walks over the data of an archive as they go by, without holding them back: bytes are pushed, and the frames of each
 * table's rows go to a reader of its own. It takes what `readArchive` would.
 */
class ArchiveWalk {
  readonly #awaited: Map<number, TocEntry>;
  readonly #readerOf: (entry: TocEntry) => FrameReader | undefined;
  readonly #head = new Uint8Array(6);
  #headBytes = 0;
  #frames: FrameReader | undefined;
  /** In a block of large objects: each has its OID in front of its frames, and an OID of 0 ends the block. */
  #inObjects = false;
  #offset: number;

  /**
   * @param offset bytes before the first block, for messages
   * @param readerOf the reader of a table's rows; rows without one are passed over
   */
  constructor(toc: readonly TocEntry[], offset: number, readerOf: (entry: TocEntry) => FrameReader | undefined) {
    this.#awaited = new Map(toc.filter(({ hasData }) => hasData).map((entry) => [entry.dumpId, entry]));
    this.#offset = offset;
    this.#readerOf = readerOf;
  }

  /** @throws OperationError `archive-damaged`, and what a reader throws */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const taken = this.#take(at === 0 ? chunk : chunk.subarray(at));
      at += taken;
      this.#offset += taken;
    }
  }

  /** @throws OperationError `archive-damaged` when data are missing or cut off */
  finish(): void {
    const [missing] = this.#awaited.values();
    if (missing !== undefined) {
      throw damaged(`it ends before the data of ${missing.namespace ?? ""}.${missing.tag}`, this.#offset);
    }
    if (this.#frames !== undefined || this.#inObjects || this.#headBytes > 0) {
      throw damaged("it ends in a block of data", this.#offset);
    }
  }

  #take(bytes: Uint8Array): number {
    if (this.#frames !== undefined) {
      const taken = this.#frames.push(bytes);
      if (this.#frames.ended) this.#frames = undefined;
      return taken;
    }
    const wanted = this.#inObjects ? 5 : 6;
    const taken = bytes.subarray(0, wanted - this.#headBytes);
    this.#head.set(taken, this.#headBytes);
    this.#headBytes += taken.length;
    if (this.#headBytes === wanted) {
      this.#headBytes = 0;
      if (this.#inObjects) this.#beginObject();
      else this.#beginBlock();
    }
    return taken.length;
  }

  #beginBlock(): void {
    const [type, sign] = this.#head;
    const entry = this.#awaited.get(lowestFirst(this.#head, 2));
    if (entry === undefined || sign !== 0) throw damaged("a block of data belongs to no entry", this.#offset);
    this.#awaited.delete(entry.dumpId);
    if (type === 1) this.#frames = this.#readerOf(entry) ?? new PassedFrames();
    else if (type === 3) this.#inObjects = true;
    else throw damaged("a block of data is of no known type", this.#offset);
  }

  #beginObject(): void {
    if (lowestFirst(this.#head, 1) === 0) this.#inObjects = false;
    else this.#frames = new PassedFrames();
  }
}

function lowestFirst(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer).getUint32(at, true);
}

/** Frames that nobody reads. */
class PassedFrames implements FrameReader {
  #head = new Uint8Array(5);
  #headBytes = 0;
  #left = 0;
  ended = false;

  push(chunk: Uint8Array): number {
    let at = 0;
    while (at < chunk.length && !this.ended) {
      if (this.#left > 0) {
        const passed = Math.min(this.#left, chunk.length - at);
        this.#left -= passed;
        at += passed;
        continue;
      }
      this.#head[this.#headBytes++] = chunk[at++] as number;
      if (this.#headBytes < 5) continue;
      this.#headBytes = 0;
      this.#left = lowestFirst(this.#head, 1);
      if (this.#head[0] !== 0) throw damaged("a frame has no valid length", at);
      this.ended = this.#left === 0;
    }
    return at;
  }
}
