import { Cursor, damaged } from "./cursor.ts";
import { Frames } from "./frames.ts";
import { type ArchiveHeader, readHeader, readToc, type TocEntry } from "./toc.ts";

/** The rows of one table. */
export interface TableBlock {
  readonly kind: "table";
  readonly entry: TocEntry;
  /**
   * The text that `COPY … FROM STDIN` takes, without its end marker, cut anywhere. To be read once.
   * With `recycled` a chunk is valid only until the next one is asked for.
   */
  chunks(options?: { readonly recycled?: boolean }): AsyncGenerator<Uint8Array, void, undefined>;
}

export interface LargeObjectBlock {
  readonly kind: "large-objects";
  readonly entry: TocEntry;
  /** To be read once; an object that is passed over is skipped. */
  objects(): AsyncGenerator<LargeObject, void, undefined>;
}

export interface LargeObject {
  readonly oid: string;
  chunks(): AsyncGenerator<Uint8Array, void, undefined>;
}

export type DataBlock = TableBlock | LargeObjectBlock;

export interface Archive {
  readonly header: ArchiveHeader;
  readonly toc: readonly TocEntry[];
  /**
   * The data, in the order of the archive, each block to be read before the next is asked for; what is not read is
   * skipped. Ends well only when every entry with data had its block.
   * @throws OperationError `archive-damaged`
   */
  blocks(): AsyncGenerator<DataBlock, void, undefined>;
  /** Lets go of the source when the blocks are not wanted; not needed after `blocks`. */
  close(): Promise<void>;
}

const tableData = 1;
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

async function* readBlocks(cursor: Cursor, toc: readonly TocEntry[]): AsyncGenerator<DataBlock, void, undefined> {
  const awaited = new Map(toc.filter((entry) => entry.hasData).map((entry) => [entry.dumpId, entry]));
  try {
    while (await cursor.more()) {
      const type = await cursor.byte("a block's header");
      const entry = awaited.get(await cursor.integer("a block's header"));
      if (entry === undefined) throw damaged("a block of data belongs to no entry that awaits one", cursor.offset);
      awaited.delete(entry.dumpId);
      if (type === tableData) {
        const frames = new Frames(cursor, `the rows of ${entry.namespace ?? ""}.${entry.tag}`);
        yield { kind: "table", entry, chunks: (options) => frames.copyChunks(options) };
        await frames.skip();
      } else if (type === largeObjects) {
        const objects = new LargeObjects(cursor);
        yield { kind: "large-objects", entry, objects: () => objects.each() };
        await objects.skip();
      } else {
        throw damaged("a block of data is of no known type", cursor.offset);
      }
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
