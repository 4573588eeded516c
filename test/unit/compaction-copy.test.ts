import { expect, test } from "vitest";
import { collectChanges } from "../../actions/lib/operations/sync/copy/collect-changes.ts";
import { openLedger } from "../../actions/lib/operations/sync/copy/ledger.ts";
import type { SyncSource } from "../../actions/lib/operations/sync/source/source.ts";
import { type FileEntry, fileEntrySchema, pathOf, rowOf } from "../../actions/lib/vault/format/snapshot-manifest.ts";

const run = "20261122T221500Z-1a2b3c4d";
const [old, full] = [`packs/${run}/00001.tar.zst.pgp`, `packs/${run}/00002.tar.zst.pgp`];

function stored(name: string, object: string): FileEntry {
  const sha256 = "a".repeat(64);
  const row = { id: name, version: `v-${name}`, etag: "e", rowBytes: 10 };
  return fileEntrySchema.parse({ bucket: "exam-files", name, object, entry: "000001", bytes: 10, sha256, ...row });
}

/** Nothing is other at the source than in the list, but one pack is to be left. */
function unchanged(entries: readonly FileEntry[]) {
  const lists: FileEntry[] = [];
  const ledger = openLedger([{ bucket: "exam-files", files: entries.length, bytes: 10 * entries.length, lost: 0 }], 1);
  const source: Pick<SyncSource, "rows"> = {
    async *rows() {
      yield { shard: 0, rows: entries.map(rowOf) };
    },
  };
  const collection = {
    source: source as SyncSource,
    ...{ ledger, lists: { shard: async () => {}, change: async (entry: FileEntry) => void lists.push(entry) } },
    ...{ inherited: () => undefined, mine: () => true, sparse: new Set([old]) },
  };
  const list = { shards: 1, changed: 0, shard: async () => new Map(entries.map((entry) => [pathOf(entry), entry])) };
  const tasks = collectChanges(collection, list, 1, undefined, { count: 0 });
  return { tasks, ledger, lists, collection, list };
}

test("what lives in a sparse pack is copied anew, and nothing else; the old pack loses it", async () => {
  const entries = [stored("a", old), stored("b", full), stored("c", old)];
  const { tasks, ledger, lists } = unchanged(entries);
  const copied: string[] = [];
  for await (const { row, onStored } of tasks) {
    copied.push(row.name);
    await onStored({ ...stored(row.name, `packs/${run}/00009.tar.zst.pgp`) });
  }
  expect(copied).toEqual(["a", "c"]);
  expect(ledger.uses()).toContainEqual({ key: old, files: -2, fileBytes: -20 });
  expect(lists.map(({ object }) => object)).toEqual([1, 2].map(() => `packs/${run}/00009.tar.zst.pgp`));
  expect(ledger.files).toBe(3);
});

test("one that can't be read again stays where it is", async () => {
  const { tasks, ledger, lists } = unchanged([stored("a", old)]);
  for await (const { onMissing } of tasks) await onMissing(undefined);
  expect(lists).toEqual([]);
  expect(ledger.files).toBe(1);
});

test("of more removals than can be compared with new names none is forgotten", async () => {
  const entries = Array.from({ length: 50_003 }, (_, n) => stored(`f-${n}`, full));
  const { ledger, lists, collection, list } = unchanged(entries);
  const renamed = { ...entries[0], name: "f-renamed" };
  collection.source.rows = async function* () {
    yield { shard: 0, rows: [rowOf(fileEntrySchema.parse(renamed))] };
  };
  const renames = { count: 0 };
  const tasks: string[] = [];
  for await (const { row } of collectChanges(collection, list, 1, undefined, renames)) tasks.push(row.name);
  expect(tasks).toEqual([]);
  expect(renames.count).toBe(1);
  expect(ledger.files).toBe(1);
  expect(ledger.filesRemoved).toBe(50_003);
  expect(lists.filter(({ state }) => state === "gone")).toHaveLength(50_003);
});
