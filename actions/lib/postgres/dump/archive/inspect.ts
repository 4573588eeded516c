import { OperationError } from "../../../base/errors.ts";
import { type ArchiveHeader, Cursor, readHeader, readToc, type TocEntry } from "./toc.ts";

interface Inspected {
  /** The source's own chunks, in its own time. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** Known once the stream has passed that far. Rejects as `readArchive` does; the stream then goes on all the same. */
  readonly toc: Promise<readonly TocEntry[]>;
  readonly header: Promise<ArchiveHeader>;
}

/**
 * Reads an archive's table of contents on its way through. Chunks are kept only until it has been read, so back-pressure is
 * the stream's own.
 * `stream` can be read once, and has to be for `toc` to settle.
 */
export function inspectArchive(source: AsyncIterable<Uint8Array>): Inspected {
  const front = new Front();
  const cursor = new Cursor(front);
  const header = readHeader(cursor);
  const toc = header.then((read) => readToc(cursor, read)).finally(() => front.close());
  // The stream's reader may fail first and never look at these.
  header.catch(() => undefined);
  toc.catch(() => undefined);
  return { stream: passThrough(source, front, toc), toc, header };
}

async function* passThrough(
  source: AsyncIterable<Uint8Array>,
  front: Front,
  read: Promise<unknown>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const settled = read.then(
    () => undefined,
    () => undefined,
  );
  try {
    for await (const chunk of source) {
      if (front.isOpen) await Promise.race([settled, front.push(chunk)]);
      yield chunk;
    }
    front.end(undefined);
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
