import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** Lines of the changes above a base, by shard. As many as there are files may wait here, and a line has half a kilobyte. */
export interface ChangedLines {
  add(shard: number, line: string): void;
  /** In the order in which they came: of two for one path the later counts. */
  of(shard: number): Generator<string, void, undefined>;
}

interface Shelf {
  readonly packed: Uint8Array[];
  open: Buffer[];
  bytes: number;
}

/** Plain bytes of a shard's lines that are packed together; names and hashes then take less than half of the room. */
const packedBytes = 32 * 1024;

export function openChangedLines(): ChangedLines {
  const shelves = new Map<number, Shelf>();
  return {
    add(shard, line) {
      const shelf = shelves.get(shard) ?? { packed: [], open: [], bytes: 0 };
      shelves.set(shard, shelf);
      // As bytes: a piece of a text keeps the whole text in memory.
      const bytes = Buffer.from(`${line}\n`);
      shelf.open.push(bytes);
      shelf.bytes += bytes.byteLength;
      if (shelf.bytes < packedBytes) return;
      // Copied, because what comes out is the beginning of a larger buffer.
      shelf.packed.push(Uint8Array.from(zstdCompressSync(Buffer.concat(shelf.open))));
      shelf.open = [];
      shelf.bytes = 0;
    },
    *of(shard) {
      const shelf = shelves.get(shard);
      if (shelf === undefined) return;
      for (const packed of shelf.packed) yield* linesOf(zstdDecompressSync(packed));
      yield* linesOf(Buffer.concat(shelf.open));
    },
  };
}

function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString("utf8").split("\n");
  lines.pop(); // after the last line's end
  return lines;
}
