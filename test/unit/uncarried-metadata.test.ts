import { describe, expect, test } from "vitest";
import { storagePolicySchema } from "../../actions/lib/config/policy/storage.ts";
import { isCarriedByS3, namingUncarried, openLedger } from "../../actions/lib/operations/sync/copy/ledger.ts";
import { failureOf, openTally } from "../../actions/lib/operations/sync/source/tally.ts";
import { type FileEntry, fileEntrySchema } from "../../actions/lib/vault/format/snapshot-manifest.ts";

const object = "packs/20261122T221500Z-1a2b3c4d/00001.tar.zst.pgp";
const entry = (name: string, userMetadata: FileEntry["userMetadata"]): FileEntry =>
  fileEntrySchema.parse({ bucket: "b", name, object, entry: "000001", sha256: "a".repeat(64), userMetadata });

describe("user metadata that S3 carries", () => {
  test.each([[null], [{}], [{ exam: "exam 7", "a-b": "!" }]])("is plain text under plain names: %j", (metadata) => {
    expect(isCarriedByS3(metadata)).toBe(true);
  });

  test.each([
    [{ a: { b: "c" } }],
    [{ a: ["b"] }],
    [{ a: 1 }],
    [{ a: null }],
    [{ a: "نورة" }],
    [{ نورة: "a" }],
    [{ Grade: "a" }],
    [{ "a b": "c" }],
    [{ a: "" }],
    [{ a: " b" }],
    [{ a: "b\nc" }],
  ])("is not %j", (metadata) => {
    expect(isCarriedByS3(metadata)).toBe(false);
  });
});

test("a file with other metadata is named when its entry is new or another, and fails no run", () => {
  const tally = openTally(null);
  const ledger = namingUncarried(openLedger([], 1), tally);
  const nested = entry("nested", { a: { b: 1 } });
  expect(ledger.settle(undefined, nested)).toBe(true);
  expect(ledger.settle(undefined, entry("plain", { a: "b" }))).toBe(true);
  expect(ledger.settle(nested, nested)).toBe(false);
  expect(ledger.settle(nested, undefined)).toBe(true);
  expect(tally.count()).toEqual({ "uncarried-metadata": 1 });
  expect(tally.findings.map(({ name }) => name)).toEqual(["nested"]);
  expect(failureOf(tally.count(), storagePolicySchema.parse({}))).toBeNull();
});

test("of very many only the first are named, and all are counted", () => {
  const tally = openTally(null);
  const ledger = namingUncarried(openLedger([], 1), tally);
  for (let n = 0; n < 10_005; n++) ledger.settle(undefined, entry(String(n), { n }));
  expect(tally.findings).toHaveLength(10_000);
  expect(tally.count()).toEqual({ "uncarried-metadata": 10_005 });
});
