import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { oneChunk, wholeOf } from "../../actions/lib/base/flow/chunks.ts";
import {
  type Change,
  type Conflict,
  type ListHeader,
  listFormat,
  longCell,
} from "../../actions/lib/operations/repair/change-list.ts";
import { type ListSummary, readList, writeList } from "../../actions/lib/operations/repair/list-text.ts";

const header: ListHeader = {
  ...{ format: listFormat, id: "20261122T221500Z-1a2b3c4d", kind: "plan", of: null, project: null, sets: [] },
  madeAt: "2026-11-22T22:15:00Z",
  selection: "all rows",
  tables: [
    { schema: "public", name: "exams", columns: ["id", "title", "price"], key: ["id"] },
    { schema: "public", name: "no \"key'", columns: ["a"], key: null },
  ],
};

const lines: (Change | Conflict)[] = [
  { t: 0, op: "delete", before: ["1", "a\\tb", null] },
  { t: 0, op: "update", key: ["2"], columns: [1, 2], before: ["x", null], after: [null, "\\\\x00"] },
  { t: 0, op: "insert", after: ["3", "line\\nfeed \u2028 \u{1f600}", "1.00"] },
  { t: 1, op: "insert", after: [null] },
  { t: 0, conflict: "edited-since", key: ["9"] },
];

async function written(of: ListHeader, some: readonly (Change | Conflict)[]) {
  let summary: ListSummary | undefined;
  const bytes = await wholeOf(writeList(of, some, (done) => (summary = done)));
  return { bytes, summary };
}

async function read(bytes: Uint8Array, cut = bytes.length) {
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += cut) yield bytes.subarray(at, at + cut);
  }
  const reader = await readList(pieces());
  const found: (Change | Conflict)[] = [];
  const all = reader.lines();
  for (;;) {
    const { value, done } = await all.next();
    if (done) return { header: reader.header, found, summary: value };
    found.push(value);
  }
}

describe("a change list", () => {
  test("comes back as it was written, wherever its bytes are cut", async () => {
    const { bytes, summary } = await written(header, lines);
    for (const cut of [1, 7, bytes.length]) {
      expect(await read(bytes, cut)).toEqual({ header, found: lines, summary });
    }
    expect(summary?.hash).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(summary?.counts).toEqual([
      { updates: 1, inserts: 1, deletes: 1, conflicts: { "edited-since": 1 } },
      { updates: 0, inserts: 1, deletes: 0, conflicts: {} },
    ]);
  });

  test("carries values of many megabytes in lines that stay short, in whatever order a change names its rows", async () => {
    const long = "\u{1f600}".repeat(1_500_000);
    const edge = "x".repeat(longCell);
    const some: Change[] = [
      { t: 0, op: "update", columns: [1, 2], after: [`a${long}`, edge], before: [long, `${edge}y`], key: ["1"] },
      { t: 0, op: "insert", after: ["2", long, null] },
    ];
    const { bytes } = await written(header, some);
    expect((await read(bytes, 1 << 20)).found).toEqual(some);
    const longest = Math.max(
      ...bytes
        .toString()
        .split("\n")
        .map((line) => line.length),
    );
    expect(longest).toBeLessThan(1_100_000);
  });

  test.each([
    ["has no header", (text: string) => text.slice(text.indexOf("\n") + 1)],
    ["is of another format", (text: string) => text.replace("lifeboat-repair/1", "lifeboat-repair/2")],
    ["is cut off within a line", (text: string) => text.slice(0, -5)],
    ["is cut off between lines", (text: string) => text.slice(0, text.lastIndexOf("\n", text.length - 2) + 1)],
    ["lacks a line", (text: string) => text.replace(/.*edited-since.*\n/, "")],
    ["has a line twice", (text: string) => text.replace(/(.*"op":"delete".*\n)/, "$1$1")],
    ["goes on behind its end", (text: string) => `${text}${text.split("\n")[1]}\n`],
    ["names an operation that there is not", (text: string) => text.replace('"delete"', '"truncate"')],
    ["has a field that there is not", (text: string) => text.replace('"op":"delete"', '"op":"delete","sql":"x"')],
    ["names a table that the header does not have", (text: string) => text.replace('{"t":1,', '{"t":7,')],
    ["has a row of too few columns", (text: string) => text.replace('["1","a\\\\tb",null]', '["1"]')],
    ["changes a column of the key", (text: string) => text.replace('"columns":[1,2]', '"columns":[0,2]')],
    ["names a column twice", (text: string) => text.replace('"columns":[1,2]', '"columns":[1,1]')],
    ["has a key that is null", (text: string) => text.replace('"key":["2"]', '"key":[null]')],
    ["has pieces that no cell names", (text: string) => text.replace('{"t":1,', '{"piece":"x"}\n{"t":1,')],
    ["names pieces that are not there", (text: string) => text.replace('"after":[null]', '"after":[{"pieces":1}]')],
    ["holds what is no UTF-8", (text: string) => text.replace("a\\\\tb", "\u00ff"), "latin1"],
  ] as const)("is refused when it %s", async (_, change, encoding: BufferEncoding = "utf8") => {
    const { bytes } = await written(header, lines.slice(0, 2).concat(lines.slice(3)));
    const text = bytes.toString();
    const changed = change(text);
    expect(changed).not.toBe(text);
    await expect(read(Buffer.from(changed, encoding))).rejects.toMatchObject({ code: "list-malformed" });
  });

  test("is not written with a change that does not fit its table", async () => {
    const unfit: Change[] = [{ t: 1, op: "update", key: ["1"], columns: [0], before: ["1"], after: ["2"] }];
    await expect(written(header, unfit)).rejects.toMatchObject({ code: "list-malformed" });
  });

  test("of nothing but a header and an end is whole", async () => {
    const { bytes, summary } = await written(header, []);
    expect((await wholeOf(oneChunk(bytes))).toString().trim().split("\n")).toHaveLength(2);
    expect((await read(bytes)).summary).toEqual(summary);
  });
});
