import { describe, expect, test } from "vitest";
import { comparableCounts } from "../../actions/lib/compare/dump-checks.ts";
import { findShrinkage } from "../../actions/lib/operations/backup/earlier-sets.ts";

describe("a database that shrank", () => {
  const last = { rows: "1000", plainBytes: "9007199254740993000" };

  test.each([
    ["as large as before", { rows: "1000", plainBytes: "9007199254740993000" }, []],
    ["just at the bound", { rows: "500", plainBytes: "4503599627370496500" }, []],
    ["one row under it", { rows: "499", plainBytes: "9007199254740993000" }, ["rows"]],
    ["one byte under it, where doubles are too coarse", { rows: "500", plainBytes: "4503599627370496499" }, ["bytes"]],
    ["nothing left", { rows: "0", plainBytes: "0" }, ["rows", "bytes"]],
  ])("is noticed by rows and by bytes: %s", (_case, now, expected) => {
    expect(findShrinkage(last, now, 0.5).map(({ what }) => what)).toEqual(expected);
  });

  test("is not taken for one when the last set also held every row as JSON", () => {
    const daily = [{ kind: "data" as const, plainBytes: 1000 }];
    const weekly = [...daily, { kind: "json" as const, plainBytes: 2000 }];
    const counts = { rows: "10" };
    expect(findShrinkage(comparableCounts(counts, weekly), comparableCounts(counts, daily), 0.5)).toEqual([]);
  });

  test("is not looked for when the policy switches the bound off, or nothing was there before", () => {
    expect(findShrinkage(last, { rows: "0", plainBytes: "0" }, 0)).toEqual([]);
    expect(findShrinkage({ rows: "0", plainBytes: "0" }, { rows: "0", plainBytes: "0" }, 1)).toEqual([]);
  });
});
