import type { SourceRow } from "../../../storage/rows.ts";
import { type FileEntry, fileEntrySchema } from "../../../vault/format/file-entry.ts";
import { packEntry } from "../../../vault/format/names.ts";
import type { StoredObject } from "../../../vault/format/snapshot-manifest.ts";
import type { ContentFacts } from "../source/fetch-file.ts";
import { type ChunkQueue, openChunkQueue } from "./chunk-queue.ts";
import type { ObjectStore } from "./object-store.ts";
import { tarEnd, tarHeader, tarPadding } from "./tar.ts";

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
