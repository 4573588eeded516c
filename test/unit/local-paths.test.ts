import { describe, expect, test } from "vitest";
import { localPaths } from "../../actions/lib/operations/restore-files/local-path.ts";

describe("paths below a folder", () => {
  const pathOf = (name: string): string => localPaths([{ bucket: "b", name }])[0] ?? "";
  const tail = /^b\//;

  test("are the names wherever a file system can hold them", () => {
    for (const name of [
      "a/b c.pdf",
      "plus+and&ampersand=equals.pdf",
      " leading",
      "it's (1)!*.pdf",
      "...dots/..two.pdf",
    ])
      expect(pathOf(name)).toBe(`b/${name}`);
  });

  test("never climb, never are absolute, never have an empty part", () => {
    for (const name of [
      "../../etc/passwd",
      "/etc/passwd",
      "a/../../x",
      "./a",
      "a//b",
      "a/",
      "..",
      "a/..",
      "\\..\\x",
      "a\0b",
      ". ./.. ",
    ]) {
      const parts = pathOf(name).split("/");
      expect(parts[0]).toBe("b");
      for (const part of parts) expect(part, name).not.toMatch(/^\.{0,2}$|[\0\\]|[. ]$/);
    }
    expect(localPaths([{ bucket: "..", name: "x" }])[0]).toBe("%2E%2E/x");
  });

  test("fit into the parts that file systems have", () => {
    const long = pathOf(`${"x".repeat(300)}/${"y".repeat(600)}.pdf`);
    for (const part of long.split("/")) expect(Buffer.byteLength(part)).toBeLessThanOrEqual(255);
    expect(pathOf(`${"x".repeat(299)}a`)).not.toBe(pathOf(`${"x".repeat(299)}b`));
  });

  test("are all different, also where upper and lower case are the same, and no file is a folder", () => {
    const names = [
      "UPPER/case.pdf",
      "upper/CASE.pdf",
      "upper/case.PDF",
      "a",
      "a/b",
      "A/B",
      "x//y",
      "x/%/y",
      "con.txt",
      "n ",
    ];
    const paths = localPaths(names.map((name) => ({ bucket: "b", name })));
    const folded = paths.map((path) => path.toLowerCase());
    expect(new Set(folded).size).toBe(names.length);
    for (const path of folded) for (const other of folded) expect(other.startsWith(`${path}/`)).toBe(false);
    expect(paths[0]).toBe("b/UPPER/case.pdf");
    expect(paths[3]).toMatch(tail);
  });

  test("stay what they are in another run", () => {
    const files = ["a", "A", "a/b"].map((name) => ({ bucket: "b", name }));
    expect(localPaths(files)).toEqual(localPaths(files));
  });
});
