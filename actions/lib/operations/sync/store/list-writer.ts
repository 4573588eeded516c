import { encodeEntry, type FileEntry } from "../../../vault/format/file-entry.ts";
import { listName } from "../../../vault/format/names.ts";
import type { Layer } from "../../../vault/format/snapshot-manifest.ts";
import type { ObjectStore } from "./object-store.ts";

type List = Layer["lists"][number];

/** Lines of changes that are kept until they are written: about 2 MB, of which text, bytes and sealed bytes are held at once. */
const mostLines = 4000;

/** Writes the lists of one layer: first the shards of a base, if it is one, then changes. */
export interface ListWriter {
  /** Shard `number` of the base, whole. */
  shard(number: number, entries: Iterable<FileEntry>): Promise<void>;
  change(entry: FileEntry): Promise<void>;
  /** Entries that were given to `change`. */
  readonly changes: number;
  /** Writes what is left. @returns the lists, those of shards first */
  finish(): Promise<List[]>;
}

/** @param shards of the base; 0 when the layer has none */
export function openListWriter(store: ObjectStore, shards: number): ListWriter {
  const lists: List[] = [];
  let lines: string[] = [];
  let number = shards;
  let changes = 0;
  const write = async (at: number, text: readonly string[]): Promise<void> => {
    const body = text.length === 0 ? "" : `${text.join("\n")}\n`;
    lists[at] = { entries: text.length, ...(await store.sealed(listName(at), Buffer.from(body))) };
  };
  return {
    async shard(at, entries) {
      const text: string[] = [];
      for (const entry of entries) text.push(encodeEntry(entry));
      await write(at, text);
    },
    async change(entry) {
      changes++;
      lines.push(encodeEntry(entry));
      if (lines.length < mostLines) return;
      const full = lines;
      lines = [];
      await write(number++, full);
    },
    get changes() {
      return changes;
    },
    async finish() {
      if (lines.length > 0) await write(number++, lines);
      lines = [];
      return lists;
    },
  };
}
