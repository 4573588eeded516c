import { OperationError } from "../../../base/errors.ts";
import { Cursor } from "./cursor.ts";
import { type ArchiveHeader, readHeader, readToc, type TocEntry } from "./toc.ts";
import { ArchiveWalk, type FrameReader } from "./walk.ts";

export interface Inspected {
  /** The source's own chunks, in its own time. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** Known once the stream has passed that far. Rejects as `readArchive` does; the stream then goes on all the same. */
  readonly toc: Promise<readonly TocEntry[]>;
  readonly header: Promise<ArchiveHeader>;
}

/** Who reads the rows of a table on their way through; rows without a reader are passed over. */
export type ReaderOf = (entry: TocEntry) => FrameReader | undefined;

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
