import { expect, test } from "vitest";
import {
  blockBegin,
  blockEnd,
  copyStatement,
  dataHeader,
  readDataSql,
  sequencesSql,
} from "../../actions/lib/postgres/rows/data-sql.ts";
import { pieces } from "./archive-writer.ts";

const table = (name: string, columns = ["id"], schema = "public") => ({ schema, name, columns });
type Table = ReturnType<typeof table>;

const file = (...blocks: readonly (readonly [Table, string])[]): Buffer =>
  Buffer.concat([dataHeader, ...blocks.flatMap(([one, rows]) => [blockBegin(one), Buffer.from(rows), blockEnd])]);

async function read(bytes: Buffer, tables: readonly Table[], size = 1000): Promise<[Table, string][]> {
  const found: [Table, string][] = [];
  for await (const { table, chunks } of readDataSql(pieces(bytes, size), tables)) {
    let rows = "";
    for await (const chunk of chunks()) {
      expect(chunk.length).toBeGreaterThan(0);
      rows += Buffer.from(chunk).toString("latin1");
    }
    found.push([table, rows]);
  }
  return found;
}

const malformed = (how: RegExp) =>
  expect.objectContaining({ code: "rows-malformed", message: expect.stringMatching(how) });

test("a statement quotes its names, and a table without columns has no list", () => {
  expect(copyStatement(table("exams", ["id", 'the "price"'], "a.b"))).toBe(
    'COPY "a.b"."exams" ("id", "the ""price""") FROM stdin;',
  );
  expect(copyStatement(table("empty", []))).toBe('COPY "public"."empty" FROM stdin;');
});

test("blocks come back as they were written, wherever the bytes are cut", async () => {
  const blocks: [Table, string][] = [
    [table("none"), ""],
    // Without columns a row is an empty line.
    [table("empty", []), "\n\n\n"],
    [table('a\nb" FROM stdin;\n\\.\n', ["x\n\\.\n", "y"]), "1\t2\n"],
    // A backslash and a dot as a value, whole and as the end of one; what looks like another block.
    [table("texts"), '\\\\.\n\\N\n\\\\\n\\\\.\\n\n.\nCOPY "public"."none" ("id") FROM stdin;\n\\n\\\\.\\n\n'],
    [table("again"), "\\\\.\n"],
  ];
  const bytes = file(...blocks);
  const tables = blocks.map(([one]) => one);
  for (let size = 1; size < 12; size += 1) expect(await read(bytes, tables, size)).toEqual(blocks);
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const halves = async function* () {
      yield bytes.subarray(0, cut);
      yield new Uint8Array(0);
      yield bytes.subarray(cut);
    };
    const found: string[] = [];
    for await (const { chunks } of readDataSql(halves(), tables)) {
      let rows = "";
      for await (const chunk of chunks()) rows += Buffer.from(chunk).toString("latin1");
      found.push(rows);
    }
    expect(found).toEqual(blocks.map(([, rows]) => rows));
  }
});

test("what nobody reads of a block is skipped, begun or not", async () => {
  const [first, second, third] = [table("first"), table("second"), table("third")];
  const bytes = file([first, "1\n2\n3\n4\n"], [second, "5\n".repeat(100)], [third, "6\n"]);
  const found: string[] = [];
  for await (const { table, chunks } of readDataSql(pieces(bytes, 5), [first, second, third])) {
    if (table === second) continue;
    for await (const chunk of chunks()) {
      found.push(Buffer.from(chunk).toString("latin1"));
      if (table === first) break;
    }
  }
  expect(found.at(-1)).toMatch(/6\n$/);
});

test("a file that is cut off anywhere is refused", async () => {
  const [first, second] = [table("first"), table("second")];
  const bytes = file([first, "1\n"], [second, "\\\\.\n"]);
  for (let cut = 0; cut < bytes.length; cut += 1) {
    await expect(read(bytes.subarray(0, cut), [first, second])).rejects.toEqual(malformed(/ends/));
  }
});

test.each([
  ["another table's rows come", file([table("b"), "1\n"]), [table("a")], /"?public\.a do not come next/],
  [
    "two blocks are in another order",
    file([table("b"), ""], [table("a"), ""]),
    [table("a"), table("b")],
    /a do not come/,
  ],
  ["a block is there twice", file([table("a"), "1\n"], [table("a"), "1\n"]), [table("a")], /follows/],
  ["a column is missing", file([table("a", ["x"]), "1\n"]), [table("a", ["x", "y"])], /a do not come next/],
  ["a byte follows", Buffer.concat([file([table("a"), "1\n"]), Buffer.from("\n")]), [table("a")], /follows/],
  [
    "a statement follows",
    Buffer.concat([file([table("a"), ""]), Buffer.from("DROP TABLE a;")]),
    [table("a")],
    /follows/,
  ],
  ["the end marker has no line of its own", file([table("a"), "1"]), [table("a")], /ends among the rows of public\.a/],
  ["the header is another", Buffer.from("SET x = 1;\n".repeat(40)), [], /does not begin/],
  ["nothing is there", Buffer.alloc(0), [], /ends before its time/],
] as const)("a file is refused when %s", async (_what, bytes, tables, how) => {
  for (const size of [1, 7, 1000]) await expect(read(bytes, tables, size)).rejects.toEqual(malformed(how));
});

test("the source is let go, whatever happens", async () => {
  let released = 0;
  const source = async function* () {
    try {
      for (;;) yield file([table("a"), "1\n"]);
    } finally {
      released += 1;
    }
  };
  await expect(
    (async () => {
      for await (const _block of readDataSql(source(), [table("b")]));
    })(),
  ).rejects.toThrow();
  for await (const _block of readDataSql(source(), [table("a")])) break;
  expect(released).toBe(2);
});

test("values of sequences are statements, their names quoted twice over", () => {
  const sequence = { schema: "public", name: "o'id\\", lastValue: "42", isCalled: false };
  expect(
    Buffer.from(sequencesSql([sequence]))
      .subarray(dataHeader.length)
      .toString(),
  ).toBe(`\nSELECT pg_catalog.setval(E'"public"."o''id\\\\"', 42, false);\n`);
});
