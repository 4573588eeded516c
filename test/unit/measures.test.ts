import { describe, expect, test } from "vitest";
import { countOf, formatBytes, formatCount, formatDuration } from "../../actions/lib/base/measures.ts";

describe("sizes, times and counts", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [12_345_678, "12.3 MB"],
    [999_999, "1.00 MB"],
    [4_050_000_000, "4.05 GB"],
    [-5, "0 B"],
  ])("%d bytes are read as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [0, "0.0 s"],
    [9_949, "9.9 s"],
    [59_400, "59 s"],
    [59_600, "1 min"],
    [200_000, "3 min 20 s"],
    [7_500_000, "2 h 5 min"],
  ])("%d milliseconds are read as %s", (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text));

  test("counts beyond what a number can hold keep every digit", () => {
    expect(formatCount("12345678901234567890")).toBe("12,345,678,901,234,567,890");
  });

  test("one is singular", () => {
    expect([countOf(1, "table"), countOf(0, "table"), countOf(2, "entry", "entries")]).toEqual([
      "1 table",
      "0 tables",
      "2 entries",
    ]);
  });
});
