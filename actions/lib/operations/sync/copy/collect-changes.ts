import type { SourceRow } from "../../../storage/rows.ts";
import type { ListReader } from "../../../vault/files/read-files.ts";
import {
  type FileEntry,
  fileEntrySchema,
  isStored,
  pathOf,
  type StoredFile,
  shardOf,
} from "../../../vault/format/snapshot-manifest.ts";
import { diffShard, isRenamed, sameContent } from "../source/diff-shard.ts";
import type { SyncSource } from "../source/source.ts";
import type { ListWriter } from "../store/object-store.ts";
import type { CopyTask } from "./copier.ts";
import type { Ledger } from "./ledger.ts";

/** What both ways of collecting a list work with. */
export interface Collection {
  readonly source: SyncSource;
  readonly ledger: Pick<Ledger, "settle" | "addObject">;
  readonly lists: Pick<ListWriter, "shard" | "change">;
  /** The file as an unfinished run has stored it, when it is still the same: it is taken over. */
  readonly inherited: (row: SourceRow) => StoredFile | undefined;
  /** Packs that have lost most of their files: what lives in them is copied anew. */
  readonly sparse: ReadonlySet<string>;
  /** Whether the file is this job's to copy: false for those of other jobs of a divided copy. */
  readonly mine: (row: Pick<SourceRow, "bucket" | "name">) => boolean;
}

/**
 * New files that wait until it is known whether they are old ones under another name, and files that are gone and may be
 * those. More are copied, and removed, at once: all of them are in memory.
 */
const mostDeferred = 50_000;

/** Who counts files whose content the vault has under another name. */
export interface Renames {
  count: number;
}

/**
 * The tasks of a list that goes on from the last snapshot's: only shards whose rows are other than then are read, and only
 * what is new in them is copied.
 * @param only shards to look at, by the numbers of `shards`; undefined: all
 * @param list the last snapshot's
 * @param shards of the list that is written; the last one's may be another number
 */
export async function* collectChanges(
  collection: Collection,
  list: ListReader,
  shards: number,
  only: readonly number[] | undefined,
  renames: Renames,
): AsyncGenerator<CopyTask, void, undefined> {
  const { source, ledger, lists, inherited, mine, sparse } = collection;
  const deferred: SourceRow[] = [];
  const gone = new Map<string, FileEntry>();
  const before = shardsOf(list, shards);

  const change = async (old: FileEntry | undefined, now: FileEntry | undefined): Promise<void> => {
    const entry = now ?? (old === undefined ? undefined : goneEntry(old));
    if (ledger.settle(old, now) && entry !== undefined) await lists.change(entry);
  };
  const taskFor = (row: SourceRow, old: FileEntry | undefined): CopyTask => ({
    row,
    wasLost: old?.state === "lost",
    async onMissing(entry) {
      // What was only to move to another pack is still in the old one.
      const kept = isKept(row, old);
      await change(old, kept ? old : entry);
      return kept ? "the vault's copy is kept" : undefined;
    },
    onStored: (entry) => change(old, entry),
  });
  const isKept = (row: SourceRow, old: FileEntry | undefined): boolean =>
    old !== undefined && isStored(old) && sparse.has(old.object) && sameContent(row, old);
  async function* look(rows: readonly SourceRow[], shard: number): AsyncGenerator<CopyTask, void, undefined> {
    const diff = diffShard(rows, await before(shard), sparse);
    for (const { row, before: old } of diff.changed) await change(old, entryFor(row, old));
    for (const entry of diff.gone) {
      if (gone.size < mostDeferred) gone.set(pathOf(entry), entry);
      else await change(entry, undefined);
    }
    for (const { row, before: old } of diff.copy) {
      if (!mine(row)) continue;
      const known = inherited(row);
      if (known !== undefined) await change(old, known);
      else if (old === undefined && row.id !== null && deferred.length < mostDeferred) deferred.push(row);
      else yield taskFor(row, old);
    }
  }

  const unseen = new Set(only ?? Array.from({ length: shards }, (_, number) => number));
  for await (const { shard, rows } of source.rows(shards, only)) {
    unseen.delete(shard);
    yield* look(rows, shard);
  }
  for (const shard of unseen) yield* look([], shard);
  const byId = new Map<string, StoredFile>();
  for (const entry of gone.values()) if (entry.id !== null && isStored(entry)) byId.set(entry.id, entry);
  for (const row of deferred) {
    const old = byId.get(row.id ?? "");
    if (old !== undefined && isRenamed(row, old)) {
      renames.count++;
      await change(undefined, entryFor(row, old));
    } else yield taskFor(row, undefined);
  }
  for (const entry of gone.values()) await change(entry, undefined);
}

/** The entry of a file whose content is in the vault, with all that its row says now. */
export function entryFor(
  row: SourceRow,
  { object, entry, bytes, sha256, mimetype, cacheControl }: StoredFile,
): FileEntry {
  const type = row.mimetype ?? mimetype;
  const cache = row.cacheControl ?? cacheControl;
  return fileEntrySchema.parse({
    ...{ ...row, mimetype: type, cacheControl: cache },
    ...{ object, entry, state: "stored", bytes, sha256 },
  });
}

function goneEntry({ bucket, name }: FileEntry): FileEntry {
  return fileEntrySchema.parse({ bucket, name, object: null, entry: null, state: "gone" });
}

/** Entries of the last list by the shards of the new one: both numbers are powers of two, and shards are ranges of a hash. */
export function shardsOf(list: ListReader, shards: number): (number: number) => Promise<Map<string, FileEntry>> {
  if (shards === list.shards) return (number) => list.shard(number);
  if (shards < list.shards) {
    const factor = list.shards / shards;
    return async (number) => {
      const all = new Map<string, FileEntry>();
      for (let old = number * factor; old < (number + 1) * factor; old++)
        for (const [path, entry] of await list.shard(old)) all.set(path, entry);
      return all;
    };
  }
  const factor = shards / list.shards;
  let last: { readonly number: number; readonly entries: Promise<Map<string, FileEntry>> } | undefined;
  return async (number) => {
    const old = Math.floor(number / factor);
    if (last?.number !== old) last = { number: old, entries: list.shard(old) };
    const entries = await last.entries;
    return new Map([...entries].filter(([path]) => shardOf(path, shards) === number));
  };
}
