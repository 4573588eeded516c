import { expect, test } from "vitest";
import type { ObjectStore } from "../../actions/lib/operations/sync/store/object-store.ts";
import { openPackWriter } from "../../actions/lib/operations/sync/store/pack-writer.ts";
import type { FileEntry, StoredObject } from "../../actions/lib/vault/format/snapshot-manifest.ts";

const row = {
  ...{
    bucket: "b",
    id: null,
    version: null,
    etag: null,
    rowBytes: null,
    mimetype: null,
    cacheControl: null,
    ownerId: null,
  },
  ...{ owner: null, createdAt: null, updatedAt: null, lastModified: null, userMetadata: null },
};

/** Packs files of the given sizes into a store that only counts. */
async function pack(
  sizes: readonly number[],
  packBytes: number,
): Promise<{ object: StoredObject; entries: readonly FileEntry[] }[]> {
  const packs: { object: StoredObject; entries: readonly FileEntry[] }[] = [];
  let number = 0;
  const store: Pick<ObjectStore, "pack"> = {
    async pack(source) {
      const key = `packs/run/${++number}`;
      let plainBytes = 0;
      for await (const chunk of source) plainBytes += chunk.length;
      return { key, files: 0, fileBytes: 0, plainBytes, segments: [] };
    },
  };
  const writer = openPackWriter({
    store,
    packBytes,
    onStored: async (object, entries) => void packs.push({ object, entries }),
    onFailure(error) {
      throw error;
    },
  });
  for (const [index, bytes] of sizes.entries()) {
    const facts = { bytes, sha256: "0".repeat(64), md5: "", contentType: null, cacheControl: null };
    await writer.add({ row: { ...row, name: String(index) }, content: Buffer.alloc(bytes), facts });
  }
  await writer.finish();
  return packs;
}

test("a pack is closed when it has the wanted bytes, and every file is in exactly one", async () => {
  const packs = await pack([400, 700, 0, 300, 800, 100], 1000);
  expect(packs.map(({ entries }) => entries.map(({ name, entry }) => `${name}=${entry}`))).toEqual([
    ["0=000001", "1=000002"],
    ["2=000001", "3=000002", "4=000003"],
    ["5=000001"],
  ]);
  expect(packs.map(({ object }) => [object.files, object.fileBytes])).toEqual([
    [2, 1100],
    [3, 1100],
    [1, 100],
  ]);
  // Header, content and padding of each file, and two empty blocks.
  expect(packs.map(({ object }) => object.plainBytes)).toEqual([
    2048 + 512 + 1024,
    512 + 1024 + 1536 + 1024,
    1024 + 1024,
  ]);
});

test("empty files do not gather for ever", async () => {
  const packs = await pack(new Array(10_000).fill(0), 1_000_000);
  expect(packs.map(({ entries }) => entries.length)).toEqual([4096, 4096, 1808]);
});
