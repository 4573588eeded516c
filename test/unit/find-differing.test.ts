import { describe, expect, test } from "vitest";
import { type Feed, findDiffering } from "../../actions/lib/operations/compare/find-differing.ts";
import { HashSet64 } from "../../actions/lib/operations/compare/hash-tables.ts";
import { chooseKey, matchColumns, typesIn } from "../../actions/lib/operations/compare/match-columns.ts";

type Row = readonly [key: number, value: number];

function randomly(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
}

/** A key's hash: its lower half is nearly always the same, as somebody could arrange it. */
const hashOf = (key: number): [low: number, high: number] => [key % 7, Math.imul(key, 0x9e3779b1)];

const feed = (rows: readonly Row[], live: boolean): Feed =>
  async function* (take) {
    for (const [place, [key, value]] of rows.entries()) {
      const [low, high] = hashOf(key);
      take(low, high, value, 0, live ? 9 : 0, live ? place : 0, live ? key % 60_000 : 0);
      if (place % 17 === 0) yield 17;
    }
  };

const shuffled = (rows: readonly Row[], next: (below: number) => number): Row[] =>
  rows
    .map((row) => [next(1_000_000), row] as const)
    .sort(([a], [b]) => a - b)
    .map(([, row]) => row);

describe.each([1, 2, 3, 4, 5])("what differs between two sides in any order, seed %i", (seed) => {
  const next = randomly(seed);
  const good: Row[] = Array.from({ length: 4000 }, (_, key) => [key, next(5)]);
  const live: Row[] = shuffled(
    [
      ...good.flatMap(([key, value]): Row[] => (next(10) === 0 ? [] : [[key, next(8) === 0 ? value + 1 : value]])),
      ...Array.from({ length: 300 }, (_, extra): Row => [10_000 + extra, 1]),
    ],
    next,
  );

  test.each([1_000_000, 500, 60])(
    "is found in as many passes as %i rows without partner ask for",
    async (unmatched) => {
      const limits = { unmatched, keys: 1_000_000, addresses: 1_000_000 };
      const found = await findDiffering(feed(good, false), feed(live, true), true, undefined, limits);
      const now = new Map(live);
      const before = new Map(good);
      const missing = good.filter(([key]) => !now.has(key));
      const added = live.filter(([key]) => !before.has(key));
      const changed = live.filter(([key, value]) => before.has(key) && before.get(key) !== value);
      expect(found.counts).toEqual({ missing: missing.length, added: added.length, changed: changed.length });
      expect([found.goodRows, found.liveRows]).toEqual([good.length, live.length]);
      const keys = [...missing, ...added, ...changed].map(([key]) => hash(key)).sort();
      expect([...(found.keys ?? [])].map(String).sort()).toEqual(keys);
      // Each live row that is added or changed is told by its place, once.
      const places = [...added, ...changed].map((row) => live.indexOf(row)).sort((a, b) => a - b);
      const { list = new Int32Array(), words = 5 } = found.addresses ?? {};
      const told = Array.from({ length: list.length / words }, (_, row) => list[row * words + 3] ?? -1);
      expect(told.sort((a, b) => a - b)).toEqual(places);
    },
  );

  test("is every row more of one kind, where rows have no key", async () => {
    const twice = (rows: readonly Row[]): Row[] => rows.map(([, value]) => [value, value]);
    const found = await findDiffering(feed(twice(good), false), feed(twice(live), true), false);
    const wanted = { missing: 0, changed: 0, added: 0 };
    for (let value = 0; value < 10; value += 1) {
      const more = good.filter(([, one]) => one === value).length - live.filter(([, one]) => one === value).length;
      wanted[more > 0 ? "missing" : "added"] += Math.abs(more);
    }
    expect(found.counts).toEqual(wanted);
  });

  test("is everything, when its keys are more than can be held", async () => {
    const found = await findDiffering(feed(good, false), feed(live, true), true, undefined, {
      unmatched: 100,
      keys: 50,
      addresses: 50,
    });
    expect([found.keys, found.addresses]).toEqual([undefined, undefined]);
    // And counted all the same.
    expect(found.counts).toEqual((await findDiffering(feed(good, false), feed(live, true), true)).counts);
    expect([found.goodRows, found.liveRows]).toEqual([good.length, live.length]);
    // With room for the keys alone, these are whole all the same.
    const limits = { unmatched: 100, keys: 1_000_000, addresses: 50 };
    const keysAlone = await findDiffering(feed(good, false), feed(live, true), true, undefined, limits);
    expect(keysAlone.addresses).toBe(undefined);
    const { missing, changed, added } = found.counts;
    expect(keysAlone.keys?.size).toBe(missing + changed + added);
  });
});

const hash = (key: number): string => {
  const [low, high] = hashOf(key);
  return ((BigInt(high) << 32n) | BigInt(low >>> 0)).toString();
};

test("a set of hashes holds each once, and no other", () => {
  const set = new HashSet64();
  const next = randomly(9);
  const wanted = new Set<string>();
  for (let turn = 0; turn < 20_000; turn += 1) {
    const [low, high] = [next(50) - 25, next(300) - 150];
    set.add(low, high);
    wanted.add(`${low} ${high}`);
  }
  expect(set.size).toBe(wanted.size);
  for (const one of wanted) {
    const [low = 0, high = 0] = one.split(" ").map(Number);
    expect(set.has(low, high)).toBe(true);
  }
  expect(set.has(1000, 1)).toBe(false);
});

test("a side that fails ends the other, too", async () => {
  let ended = false;
  const failing: Feed = async function* () {
    yield 1;
    throw new Error("lost");
  };
  const endless: Feed = async function* () {
    try {
      for (;;) yield 1;
    } finally {
      ended = true;
    }
  };
  await expect(findDiffering(failing, endless, true)).rejects.toThrow("lost");
  expect(ended).toBe(true);
});

describe("columns", () => {
  const live = [
    { name: "id", type: "bigint" },
    { name: "price", type: "numeric(12,4)" },
    { name: "came", type: "text" },
  ];
  const types = new Map([
    ["id", "integer"],
    ["price", "numeric(12,4)"],
    ["gone", "text"],
  ]);

  test("that came, went or have another type are named, and what both have is compared", () => {
    expect(matchColumns([["gone", "price", "id"]], types, live, true)).toEqual({
      ...{ both: ["id", "price"], came: ["came"], went: ["gone"] },
      retyped: [{ name: "id", was: "integer", is: "bigint", compared: true }],
    });
    expect(matchColumns([["gone", "price", "id"]], types, live, false).both).toEqual(["price"]);
    // One partition without it is enough.
    expect(matchColumns([["id", "price"], ["id"]], types, live, true).both).toEqual(["id"]);
  });

  test("of the live table's key tell rows apart, else those of the set's", () => {
    expect(chooseKey(["a", "b"], ["b"], ["a"])).toEqual(["b"]);
    expect(chooseKey(["a", "b"], ["c"], ["a"])).toEqual(["a"]);
    expect(chooseKey(["a", "b"], null, ["a", "c"])).toBe(null);
  });

  test("have the types that their table's definition says, whatever they are called", () => {
    const definition = [
      "partition by RANGE (day)",
      "  column id integer not null identity a",
      '  column "not null ""x" character varying(10) collate pg_catalog."C" default \'a\'::character varying',
      "  column at timestamp with time zone not null default now()",
      "  column name text comment 'x",
      "  column id text'",
    ].join("\n");
    expect([...typesIn(definition)]).toEqual([
      ["id", "integer"],
      ['not null "x', "character varying(10)"],
      ["at", "timestamp with time zone"],
      ["name", "text"],
    ]);
  });
});
