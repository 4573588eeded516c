import type { SourceRow } from "../../../storage/rows.ts";
import { packEntry } from "../../../vault/format/names.ts";
import { type FileEntry, fileEntrySchema, type StoredObject } from "../../../vault/format/snapshot-manifest.ts";
import type { ContentFacts } from "../source/fetch-file.ts";
import type { ObjectStore } from "./object-store.ts";

/** A file that has been read, and what it is to be called in the list. */
export interface ReadFile {
  readonly row: SourceRow;
  readonly content: Buffer;
  readonly facts: ContentFacts;
}

export interface PackWriter {
  /** Resolves when the content may be forgotten; that it is stored is told by `onStored`, later. */
  add(file: ReadFile): Promise<void>;
  /** Closes the last pack and waits until all are stored. */
  finish(): Promise<void>;
}

export interface PackWriterOptions {
  readonly store: Pick<ObjectStore, "pack">;
  readonly packBytes: number;
  /** Called once a pack, when it is stored and read back. */
  readonly onStored: (object: StoredObject, entries: readonly FileEntry[]) => Promise<void>;
  /** Called once when a pack cannot be stored: the run is over then. */
  readonly onFailure: (error: unknown) => void;
}

/** So many packs may be on their way to the vault besides the one that is being filled. */
const atOnce = 2;
/** What is to be known of a pack's files is in memory until it is stored: empty files would fill one for ever. */
const mostFiles = 4096;

interface OpenPack {
  readonly queue: ChunkQueue;
  readonly files: { readonly row: SourceRow; readonly facts: ContentFacts; readonly entry: string }[];
  bytes: number;
}

/** Gathers small files in tars. Files are in the tar in the order in which they came. */
export function openPackWriter({ store, packBytes, onStored, onFailure }: PackWriterOptions): PackWriter {
  const storing = new Set<Promise<void>>();
  let open: OpenPack | undefined;

  const begin = (): OpenPack => {
    const pack: OpenPack = { queue: openChunkQueue(), files: [], bytes: 0 };
    const stored = store
      .pack(pack.queue)
      .then(async (object) => {
        const entries = pack.files.map(({ row, facts, entry }) => entryOf(row, facts, object.key, entry));
        const fileBytes = entries.reduce((sum, { bytes }) => sum + bytes, 0);
        await onStored({ ...object, files: entries.length, fileBytes }, entries);
      })
      .catch(onFailure)
      .finally(() => storing.delete(stored));
    storing.add(stored);
    return pack;
  };
  const close = (pack: OpenPack): void => {
    if (open === pack) open = undefined;
    void pack.queue.push(tarEnd()).catch(() => {}); // a reader that has left tells why itself
    pack.queue.end();
  };
  return {
    async add({ row, content, facts }) {
      while (open === undefined && storing.size >= atOnce) await Promise.race(storing);
      open ??= begin();
      const pack = open;
      const entry = packEntry(pack.files.length + 1);
      pack.files.push({ row, facts, entry });
      pack.bytes += content.byteLength;
      const pushed = pack.queue.push(tarHeader(entry, facts.bytes), content, tarPadding(facts.bytes));
      if (pack.bytes >= packBytes || pack.files.length >= mostFiles) close(pack);
      await pushed;
    },
    async finish() {
      if (open !== undefined) close(open);
      await Promise.all(storing);
    },
  };
}

/** The entry of a file that is in the vault. */
export function entryOf(row: SourceRow, facts: ContentFacts, object: string, entry: string | null): FileEntry {
  const { bytes, sha256 } = facts;
  const mimetype = row.mimetype ?? facts.contentType;
  const cacheControl = row.cacheControl ?? facts.cacheControl;
  return fileEntrySchema.parse({ ...row, mimetype, cacheControl, object, entry, state: "stored", bytes, sha256 });
}

/** Hands chunks from many writers to one reader, at the reader's pace. */
export interface ChunkQueue extends AsyncIterable<Uint8Array> {
  /** Resolves when the reader is done with the chunks; rejects when it has left before. */
  push(...chunks: readonly Uint8Array[]): Promise<void>;
  end(): void;
}

export function openChunkQueue(): ChunkQueue {
  interface Waiting {
    readonly chunks: readonly Uint8Array[];
    readonly done: () => void;
    readonly fail: (error: unknown) => void;
  }
  const waiting: Waiting[] = [];
  let wake: (() => void) | undefined;
  let ended = false;
  let left = false;
  const leave = (): void => {
    left = true;
    for (const { fail } of waiting.splice(0)) fail(new Error("the reader has left"));
  };
  return {
    push: (...chunks) =>
      new Promise((done, fail) => {
        if (left) return fail(new Error("the reader has left"));
        waiting.push({ chunks, done, fail });
        wake?.();
      }),
    end() {
      ended = true;
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const next = waiting.shift();
          if (next !== undefined) {
            try {
              yield* next.chunks;
            } finally {
              next.done();
            }
          } else if (ended) return;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        leave();
      }
    },
  };
}

const blockBytes = 512;

/**
 * Header of one ordinary file in a tar (ustar, POSIX.1-1988), for GNU tar and everything else. Owner, mode and time are the
 * same for all: what a file was is in the list.
 * @param name at most 100 ASCII characters @param bytes below 8 GiB
 */
export function tarHeader(name: string, bytes: number): Buffer {
  const header = Buffer.alloc(blockBytes);
  const write = (text: string, at: number): void => void header.write(text, at, "latin1");
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  write(name, 0);
  write(octal(0o600, 7), 100);
  write(octal(0, 7), 108);
  write(octal(0, 7), 116);
  write(octal(bytes, 11), 124);
  write(octal(0, 11), 136);
  write("        ", 148);
  write("0", 156);
  write("ustar\0" + "00", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** What fills the last block of a file. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes);
}

/** Two empty blocks end a tar. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * blockBytes);
}
