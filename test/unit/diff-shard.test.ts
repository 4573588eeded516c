import { expect, test } from "vitest";
import { diffShard } from "../../actions/lib/operations/sync/source/diff-shard.ts";
import { fileEntrySchema, pathOf, rowOf } from "../../actions/lib/vault/format/snapshot-manifest.ts";

const entry = fileEntrySchema.parse({
  ...{ bucket: "b", name: "a.pdf", object: "packs/20261122T221500Z-1a2b3c4d/00001.tar.zst.pgp", entry: "000001" },
  ...{ bytes: 7, rowBytes: 7, sha256: "a".repeat(64), etag: "e", lastModified: "2026-11-22T22:15:00.999Z" },
});

test.each([
  ["listed in whole seconds", {}, "2026-11-22T22:15:00.000Z", 0],
  ["listed a moment later, in the next second", {}, "2026-11-22T22:15:01.003Z", 0],
  ["of another time", {}, "2026-11-22T22:15:03.000Z", 1],
  ["of the same moment with another ETag", { etag: "f" }, "2026-11-22T22:15:00.999Z", 1],
  ["of the same moment with another size", { rowBytes: 8 }, "2026-11-22T22:15:00.999Z", 1],
])("without versions, a file %s", (_, change, lastModified, copied) => {
  const row = { ...rowOf(entry), ...change, lastModified };
  expect(diffShard([row], new Map([[pathOf(entry), entry]])).copy).toHaveLength(copied);
});
