import { type ArchiveHeader, Cursor, damaged, readHeader, readToc, type TocEntry } from "./toc.ts";

export interface LargeObjectBlock {
  readonly entry: TocEntry;
  /** To be read once; an object that is passed over is skipped. */
  objects(): AsyncGenerator<LargeObject, void, undefined>;
}

export interface LargeObject {
  readonly oid: string;
  chunks(): AsyncGenerator<Uint8Array, void, undefined>;
}

interface Archive {
  readonly header: ArchiveHeader;
  readonly toc: readonly TocEntry[];
  /**
   * The data, in the order of the archive, each block to be read before the next is asked for; what is not read is
   * skipped. Ends well only when every entry with data had its block. Rows of tables are not read.
   * @throws OperationError `archive-damaged`
   */
  blocks(): AsyncGenerator<LargeObjectBlock, void, undefined>;
  /** Lets go of the source when the blocks are not wanted; not needed after `blocks`. */
  close(): Promise<void>;
}

const largeObjects = 3;

/**
 * Opens a pg_dump archive in custom format, not compressed by pg_dump, from a stream: constant memory but for the table
 * of contents. Chunks that are handed out are the caller's to keep; those of `source` are not changed.
 * @throws OperationError `archive-damaged`, `archive-unsupported`
 */
export async function readArchive(source: AsyncIterable<Uint8Array>): Promise<Archive> {
  const cursor = new Cursor(source);
  try {
    const { minor, offsetBytes, ...header } = await readHeader(cursor);
    const toc = await readToc(cursor, { minor, offsetBytes });
    return { header, toc, blocks: () => readBlocks(cursor, toc), close: () => cursor.close() };
  } catch (error) {
    await cursor.close().catch(() => undefined);
    throw error;
  }
}

async function* readBlocks(
  cursor: Cursor,
  toc: readonly TocEntry[],
): AsyncGenerator<LargeObjectBlock, void, undefined> {
  const awaited = new Map(toc.filter((entry) => entry.hasData).map((entry) => [entry.dumpId, entry]));
  try {
    while (await cursor.more()) {
      const type = await cursor.byte("a block's header");
      const entry = awaited.get(await cursor.integer("a block's header"));
      if (entry === undefined) throw damaged("a block of data belongs to no entry that awaits one", cursor.offset);
      awaited.delete(entry.dumpId);
      if (type !== largeObjects) throw damaged(`there is more in it than large objects (${entry.desc})`, cursor.offset);
      const objects = new LargeObjects(cursor);
      yield { entry, objects: () => objects.each() };
      await objects.skip();
    }
    const [missing] = awaited.values();
    if (missing !== undefined) {
      throw damaged(
        `it ends before the data of ${missing.desc} ${missing.namespace ?? ""}.${missing.tag}`,
        cursor.offset,
      );
    }
  } finally {
    await cursor.close();
  }
}

/** Large objects of one block: each its OID and frames, until an OID of 0. */
class LargeObjects {
  readonly #cursor: Cursor;
  #current: Frames | undefined;
  #ended = false;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  async *each(): AsyncGenerator<LargeObject, void, undefined> {
    for (let object = await this.#next(); object !== undefined; object = await this.#next()) yield object;
  }

  async skip(): Promise<void> {
    while ((await this.#next()) !== undefined);
  }

  async #next(): Promise<LargeObject | undefined> {
    await this.#current?.skip();
    if (this.#ended) return undefined;
    // Written as a signed number: OIDs over 2^31 come out negative.
    const oid = ((await this.#cursor.integer("a large object's OID")) >>> 0).toString();
    this.#ended = oid === "0";
    if (this.#ended) {
      this.#current = undefined;
      return undefined;
    }
    const frames = new Frames(this.#cursor, `large object ${oid}`);
    this.#current = frames;
    return { oid, chunks: () => frames.chunks() };
  }
}

/** What a reader hands on at a time. */
const chunkBytes = 128 * 1024;
/**
 * The data of one large object: frames (a length and that many bytes) up to one of length 0, handed on in
 * chunks of about 128 KiB. The last chunk may be of any size.
 */
class Frames {
  readonly #cursor: Cursor;
  readonly #what: string;
  /** Unread bytes of the frame that the cursor is in. */
  #left = 0;
  #ended = false;

  /** @param what names the data in errors, e.g. `large object 1` */
  constructor(cursor: Cursor, what: string) {
    this.#cursor = cursor;
    this.#what = what;
  }

  /** Content without the frames. */
  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    while (!this.#ended) {
      const out = Buffer.allocUnsafeSlow(chunkBytes);
      const length = await this.#fill(out, 0);
      if (length > 0) yield out.subarray(0, length);
    }
  }

  /** Passes over what is left. */
  async skip(): Promise<void> {
    while (!this.#ended) await this.#fill(undefined, 0);
  }

  /** Fills `out` from `length` on, until it is full or the data end; without `out`, passes over one chunk. */
  async #fill(out: Buffer | undefined, start: number): Promise<number> {
    const cursor = this.#cursor;
    let length = start;
    for (;;) {
      const { chunk } = cursor;
      const end = chunk.length;
      let at = cursor.at;
      let left = this.#left;
      while (at < end) {
        if (left === 0) {
          if (end - at < 5) break;
          left =
            (chunk[at + 1] as number) |
            ((chunk[at + 2] as number) << 8) |
            ((chunk[at + 3] as number) << 16) |
            ((chunk[at + 4] as number) << 24);
          if (chunk[at] !== 0 || left < 0) throw damaged(`no valid length in ${this.#what}`, cursor.offset);
          at += 5;
          if (left === 0) {
            cursor.at = at;
            this.#ended = true;
            return length;
          }
          continue;
        }
        let take = Math.min(end - at, left);
        if (out !== undefined) {
          if (take > chunkBytes - length) take = chunkBytes - length;
          out.set(chunk.subarray(at, at + take), length);
          length += take;
        }
        at += take;
        left -= take;
        if (length === chunkBytes) {
          cursor.at = at;
          this.#left = left;
          return length;
        }
      }
      cursor.at = at;
      this.#left = left;
      if (at < end) {
        // A frame's length lies across two chunks of the source.
        this.#left = await cursor.integer(`the length of a frame of ${this.#what}`);
        if (this.#left < 0) throw damaged(`no valid length in ${this.#what}`, cursor.offset);
        if (this.#left === 0) {
          this.#ended = true;
          return length;
        }
      } else if (!(await cursor.more())) {
        throw damaged(`it ends in ${this.#what}`, cursor.offset);
      }
    }
  }
}
