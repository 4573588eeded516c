import { describe, expect, test } from "vitest";
import { changeBetween, jumpsBetween, statesOf } from "../../actions/lib/compare/table-changes.ts";
import {
  addBuckets,
  bucketCount,
  encodeTable,
  type IndexedTable,
  indexedTableSchema,
  packBuckets,
  unpackBuckets,
} from "../../actions/lib/vault/sets/table-index.ts";
import { randomFrom } from "../lab/random.ts";

const bounds = { leastRows: 100, lostShare: 0.05, changedShare: 0.3, ignore: [] as string[] };

/** A table of so many rows with one hash each, of which some are others. */
function table(rows: number, change: Partial<IndexedTable> & { readonly altered?: number } = {}): IndexedTable {
  const { altered = 0, ...other } = change;
  const random = randomFrom(7);
  const sums = new BigInt64Array(bucketCount);
  let hash = 0n;
  for (let row = 0; row < rows; row++) {
    const bucket = Math.floor(random() * bucketCount);
    const own = BigInt(row + 1) * 0x9e37_79b9_7f4a_7c15n + (row < altered ? 1n : 0n);
    sums[bucket] = (sums[bucket] ?? 0n) + own;
    hash += own;
  }
  return {
    ...{ schema: "public", name: "exams", oid: "1", columns: ["id", "price"], key: ["id"], rows: String(rows) },
    ...{ hash: hash.toString(), counters: null, buckets: packBuckets(sums), jumps: [], ...other },
  };
}

const counters = (inserted: number, updated: number, deleted: number): IndexedTable["counters"] => ({
  ...{ inserted: String(inserted), updated: String(updated), deleted: String(deleted) },
});

async function change(before: IndexedTable | undefined, now: IndexedTable | undefined, since = ["a", "a"]) {
  const [then, later] = await Promise.all(
    [before, now].map((one, place) => statesOf({ countedSince: since[place] ?? null }, one === undefined ? [] : [one])),
  );
  return changeBetween(then?.get("public.exams"), later?.get("public.exams"));
}

describe("how many rows of a table changed", () => {
  test.each([1, 3, 40, 400, 2000, 5000])(
    "%i of 20,000 are estimated to a tenth from the buckets alone",
    async (altered) => {
      const { changed, altered: told } = await change(table(20_000), table(20_000, { altered }));
      expect(changed.sure).toBe("about");
      expect(Math.abs(changed.rows - altered)).toBeLessThanOrEqual(Math.ceil(altered / 10));
      expect(told).toBe(changed.rows);
    },
  );

  test("nothing changed is exact", async () => {
    expect((await change(table(300), table(300))).changed).toEqual({ rows: 0, sure: "exact" });
  });

  test("where every bucket differs, the server's counters say it", async () => {
    const before = table(200_000, { counters: counters(200_000, 5, 0) });
    const now = table(200_000, { altered: 100_000, counters: counters(200_000, 100_005, 0) });
    expect(await change(before, now)).toMatchObject({ differing: 1024, changed: { rows: 100_000, sure: "about" } });
  });

  test("rows that were updated again and again are no more than there are", async () => {
    const before = table(20_000, { counters: counters(20_000, 0, 0) });
    const now = table(20_000, { altered: 20_000, counters: counters(20_000, 35_000, 0) });
    expect((await change(before, now)).changed).toEqual({ rows: 20_000, sure: "about" });
  });

  test.each([
    ["the server began anew", ["a", "b"], {}],
    ["the table was made anew", ["a", "a"], { oid: "2" }],
    ["it counts fewer than before", ["a", "a"], { counters: counters(1, 0, 0) }],
    ["it has counted too little yet", ["a", "a"], { counters: counters(200_000, 10, 0) }],
  ] as const)("counters count for nothing where %s, and the answer is at least", async (_why, since, other) => {
    const before = table(200_000, { counters: counters(200_000, 5, 0) });
    const now = table(200_000, { altered: 100_000, counters: counters(200_000, 100_005, 0), ...other });
    expect((await change(before, now, [...since])).changed).toEqual({ rows: 7098, sure: "at-least" });
  });

  test("growth is no change of what was there", async () => {
    const before = table(2000, { counters: counters(2000, 0, 0) });
    expect(await change(before, table(3000, { counters: counters(3000, 0, 0) }))).toMatchObject({ altered: 0 });
    expect((await change(table(2000), table(3000))).altered).toBeLessThan(100);
  });

  test("without a key and without counters it is at least what the numbers of rows differ by", async () => {
    const without = { buckets: null, key: null };
    expect((await change(table(500, without), table(480, without))).changed).toEqual({ rows: 20, sure: "at-least" });
  });

  test("other columns, and another key, make buckets incomparable", async () => {
    const more = table(500, { columns: ["id", "price", "note"], altered: 500 });
    expect(await change(table(500), more)).toMatchObject({ reshaped: true, differing: null });
    expect(await change(table(500), table(500, { key: ["price"], altered: 3 }))).toMatchObject({ differing: null });
  });

  test("a table that came, and one that went, are told as that", async () => {
    expect(await change(undefined, table(5))).toMatchObject({ before: null, now: 5, altered: 0 });
    expect(await change(table(5), undefined)).toMatchObject({ before: 5, now: null, altered: 5 });
  });
});

describe("which tables jumped", () => {
  const jumps = async (before: IndexedTable, now: IndexedTable | undefined, policy = bounds) => {
    const then = await statesOf({ countedSince: null }, [before]);
    const later = await statesOf({ countedSince: null }, now === undefined ? [] : [now]);
    const { jumps: found, jumped } = jumpsBetween(then, later, policy);
    return { how: found.map(({ how }) => how), jumped: jumped(before), what: found[0]?.what };
  };

  test.each([
    ["rows that are gone", table(5000), table(4700), ["lost"]],
    ["rows that changed", table(5000), table(5000, { altered: 2500 }), ["altered"]],
    ["a table that is gone", table(5000), undefined, ["gone"]],
    ["fewer than the policy's share", table(5000), table(4800), []],
    ["fewer than the policy's rows", table(150), table(90), []],
    ["a small table", table(90), undefined, []],
    ["growth", table(5000), table(50_000), []],
  ] as const)("%s", async (_what, before, now, how) => {
    expect((await jumps(before, now)).how).toEqual(how);
  });

  test("a table that the policy leaves out is not told", async () => {
    const policy = { ...bounds, ignore: ["public.exams"] };
    expect(await jumps(table(5000), table(2000), policy)).toMatchObject({ how: [], jumped: true });
  });

  test("what jumps again and again is usual, and remembered all the same", async () => {
    const twice = table(5000, { jumps: [true, false, true] });
    const often = table(5000, { jumps: [true, false, true, true] });
    expect(await jumps(twice, table(2000))).toMatchObject({ how: ["lost"], jumped: true });
    expect(await jumps(often, table(2000))).toMatchObject({ how: [], jumped: true });
  });

  test("a row that went to another partition is no jump, and the parts of a table count together", async () => {
    const root = { schema: "public", name: "days" };
    const part = (name: string, rows: number) => table(rows, { name, oid: name, root });
    const then = await statesOf({ countedSince: null }, [part("a", 1000), part("b", 10)]);
    const later = await statesOf({ countedSince: null }, [part("a", 10), part("b", 1000)]);
    expect(jumpsBetween(then, later, bounds).jumps).toEqual([]);
    expect([...then].map(({ name, rows }) => [name, rows])).toEqual([["public.days", 1010n]]);
  });
});

describe("the sums of buckets", () => {
  test("are packed without those that are 0, come back as they were, and add up modulo 2^64", () => {
    const sums = new BigInt64Array(bucketCount);
    [sums[0], sums[9], sums[1023]] = [-1n, 2n ** 62n, 5n];
    const packed = packBuckets(sums);
    expect(packed.length).toBe(128 + 3 * 8);
    expect(unpackBuckets(packed)).toEqual(sums);
    const twice = unpackBuckets(addBuckets(packed, sums));
    expect([twice?.[0], twice?.[9], twice?.[1023]]).toEqual([-2n, -(2n ** 63n), 10n]);
    expect(packBuckets(new BigInt64Array(bucketCount)).length).toBe(128);
  });

  test.each([0, 127, 135])("bytes that are none are refused: %i of them", (bytes) => {
    const sums = new BigInt64Array(bucketCount).fill(3n, 0, 3);
    expect(unpackBuckets(packBuckets(sums).subarray(0, bytes))).toBeUndefined();
  });

  test("travel in a line of the index", () => {
    const one = table(50);
    expect(indexedTableSchema.parse(JSON.parse(encodeTable(one)))).toEqual(one);
  });
});
