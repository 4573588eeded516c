import { describe, expect, test } from "vitest";
import { findShrinkage } from "../../actions/lib/policy/shrinkage.ts";

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

  test("is not looked for when the policy switches the bound off, or nothing was there before", () => {
    expect(findShrinkage(last, { rows: "0", plainBytes: "0" }, 0)).toEqual([]);
    expect(findShrinkage({ rows: "0", plainBytes: "0" }, { rows: "0", plainBytes: "0" }, 1)).toEqual([]);
  });
});
