import { describe, expect, test } from "vitest";
import { createHashSum } from "../../actions/lib/postgres/row-hash/large-object.ts";
import { RowInput } from "../../actions/lib/postgres/row-hash/memory.ts";
import { createPairHasher } from "../../actions/lib/postgres/row-hash/pair-hash.ts";
import { createRowHasher, type RowHasher } from "../../actions/lib/postgres/row-hash/row-hash.ts";
import { PlainRowHasher } from "./plain-row-hasher.ts";

type Fingerprint = { rows: string; hash: string };

function fingerprintBy(hasher: RowHasher, text: string | Buffer, pieceBytes: number): Fingerprint {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) hasher.push(bytes.subarray(at, at + pieceBytes));
  return hasher.finish();
}

const nasty = 'a"b\\\\c d\\te\\nf\\vg\\fh\\ri(,)\x01\x7fé\u00a0\n';

describe.each([
  ["in WebAssembly", createRowHasher],
  ["in plain JavaScript", (columns: number) => new PlainRowHasher(columns)],
])("the row hasher %s", (_name, create) => {
  const fingerprint = (columns: number, text: string | Buffer, pieceBytes = 1_000_000) =>
    fingerprintBy(create(columns), text, pieceBytes);

  // Each hash is what PostgreSQL 15.19 and 17.11 gave for hashtextextended(ROW(…)::text COLLATE "C", 0).
  test.each([
    ["no column", 0, "\n", "2733329281101762124"],
    ["one NULL", 1, "\\N\n", "2733329281101762124"],
    ["one empty text", 1, "\n", "1983355789931719674"],
    ["two columns", 2, "1\tabc\n", "-2499101382112880042"],
    ["NULL beside an empty text", 3, "1\t\\N\t\n", "4432710867363801499"],
    ["white space, quotes, control bytes and letters beyond ASCII", 1, nasty, "4887706589441669987"],
    ["a long text", 1, `${"x".repeat(1000)}\n`, "-1378534510319481447"],
    ["texts that look like NULL and like COPY's end", 3, "\\\\N\tN\t\\\\.\n", "-903273878632793813"],
  ])("a row of %s has the hash that PostgreSQL gives it, however it is cut", (_name, columns, text, hash) => {
    for (const size of [1, 2, 3, 5, 1000]) expect(fingerprint(columns, text, size)).toEqual({ rows: "1", hash });
  });

  test("numbers in escapes are read as COPY reads them", () => {
    const plain = fingerprint(3, "A\tBC\tx8\n");
    expect(fingerprint(3, "\\101\t\\x42C\tx8\n")).toEqual(plain);
    expect(fingerprint(3, "\\x41\t\\102\\103\t\\x788\n")).toEqual(plain);
  });

  test("equal rows count twice, and no row at all is zero", () => {
    expect(fingerprint(2, "")).toEqual({ rows: "0", hash: "0" });
    expect(fingerprint(2, "1\tabc\n1\tabc\n")).toEqual({ rows: "2", hash: "-4998202764225760084" });
  });

  test("a row larger than any buffer is hashed like a small one, and the next one too", () => {
    const large = `${"y".repeat(5_000_000)}\tb\n`;
    const both = fingerprint(2, `${large}1\tabc\n`, 65_536);
    const alone = fingerprint(2, large);
    expect(both).toEqual({ rows: "2", hash: (BigInt(alone.hash) - 2499101382112880042n).toString() });
  });

  test.each([
    ["too few columns", 3, "1\t2\n"],
    ["too many columns", 1, "1\t2\n"],
    ["text in a table without columns", 0, "x\n"],
    ["a row without its end", 2, "1\t2\n3\t4"],
    ["a row cut after a column", 2, "3\t"],
    ["an end marker among them, where psql would read on as commands", 1, "1\n\\.\n\\! id\n"],
    ["an end marker before them", 2, "\\.\n"],
    ["an end marker in a table without columns", 0, "\n\\.\n"],
  ])("rows with %s are refused", (_name, columns, text) => {
    expect(() => fingerprint(columns, text)).toThrow(expect.objectContaining({ code: "rows-malformed" }));
  });
});

test("both hashers say the same of every mixture of bytes and of every cut", () => {
  const pieces = [
    "a",
    "N",
    "\\N",
    "\\\\",
    "\\t",
    "\\x4",
    "\\12",
    '"',
    "(",
    ",",
    " ",
    "\t",
    "é",
    "\x0b",
    "0123456789abcdefghij",
    "",
  ];
  let seed = 1;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let row = 0; row < 2000; row++) {
    let text = "";
    while (next(12) > 0) text += pieces[next(pieces.length)];
    text += "q\n";
    const columns = text.split("\t").length;
    const wanted = fingerprintBy(new PlainRowHasher(columns), text, 1000);
    for (const size of [1, 5, 1000]) expect(fingerprintBy(createRowHasher(columns), text, size), text).toEqual(wanted);
  }
});

test("rows have the same fingerprint where they were received, and in turns with text that lies elsewhere", () => {
  const rows = Buffer.from(["1\tabc\n", "2\t\\\\.\n", `3\t${"z y".repeat(60_000)}\n`].join(""));
  const wanted = fingerprintBy(createRowHasher(2), rows, 1000);
  const input = new RowInput(2 * rows.length);
  for (const table of [0, 1]) {
    input.bytes.set(rows, table * rows.length);
    const received = input.bytes.subarray(table * rows.length, (table + 1) * rows.length);
    for (const size of [17, 70_000, rows.length]) {
      const hasher = createRowHasher(2, input);
      for (let at = 0, turn = 0; at < rows.length; at += size, turn += 1) {
        hasher.push((turn % 2 === 0 ? received : rows).subarray(at, at + size));
      }
      expect(hasher.finish()).toEqual(wanted);
    }
  }
  expect(Buffer.compare(input.bytes, Buffer.concat([rows, rows]))).toBe(0);
});

test("tables that are hashed one after another and side by side do not get in each other's way", () => {
  const one = fingerprintBy(createRowHasher(2), "1\tabc\n", 1000);
  const [first, second] = [createRowHasher(2), createRowHasher(1)];
  first.push(Buffer.from("1\ta"));
  second.push(Buffer.from("\\N\n"));
  first.push(Buffer.from("bc\n"));
  expect(second.finish()).toEqual({ rows: "1", hash: "2733329281101762124" });
  const third = createRowHasher(2);
  third.push(Buffer.from("1\tabc\n1\tabc\n"));
  expect(second.finish()).toEqual({ rows: "1", hash: "2733329281101762124" });
  expect(first.finish()).toEqual(one);
  expect(third.finish()).toEqual({ rows: "2", hash: "-4998202764225760084" });
});

/** As COPY writes them, and what they are. */
const values: readonly (readonly [written: string, value: string | null])[] = [
  ...["a", "", "x y", 'q"', "(1,2)", "0123456789abcdefghij", "é", "\x1d"].map((same) => [same, same] as const),
  ...[["\\N", null] as const, ["\\\\", "\\"] as const, ["\\x41", "A"] as const, ["\\t", "\t"] as const],
  ...[["\\Nx", "Nx"] as const, ["\\n\\101", "\nA"] as const],
];
const rows = Array.from({ length: 500 }, (_, row) =>
  [0, 1, 2, 3].map((column) => values[(row * (column + 3) + (row >> 4)) % values.length] ?? (["", ""] as const)),
);
const text = Buffer.from(rows.map((row) => `${row.map(([written]) => written).join("\t")}\n`).join(""));
const all = [0, 1, 2, 3];

/** Of a text as `hashtextextended(…, 0)` has it. */
function hashOfText(value: string): bigint {
  const bytes = Buffer.from(value);
  const words = new Int32Array(Math.ceil(bytes.length / 4) + 3);
  const copy = new Uint8Array(words.buffer);
  copy.set(bytes);
  const sum = createHashSum();
  sum.add(words, copy, bytes.length);
  return BigInt(sum.total());
}

describe("the keyed row hasher", () => {
  test.each([
    ["one column", [0]],
    ["another order than the columns'", [3, 1]],
  ])("divides the rows' hashes by that of a key of %s, however the rows are cut", (_name, key) => {
    const buckets = new BigInt64Array(1024);
    for (const row of rows) {
      const hashOf = (places: readonly number[]): bigint => {
        const line = `${places.map((place) => row[place]?.[0]).join("\t")}\n`;
        return BigInt.asIntN(64, BigInt(fingerprintBy(createRowHasher(places.length), line, 1000).hash));
      };
      const bucket = Number(BigInt.asUintN(10, hashOf(key)));
      buckets[bucket] = (buckets[bucket] as bigint) + hashOf(all);
    }
    const plain = fingerprintBy(createRowHasher(4), text, 1000);
    for (const size of [1, 7, 1000, text.length]) {
      const hasher = createRowHasher(4, undefined, { key });
      for (let at = 0; at < text.length; at += size) hasher.push(text.subarray(at, at + size));
      expect(hasher.finish()).toEqual({ ...plain, buckets });
    }
  });

  test("begins anew with each table, and refuses rows that are not as COPY writes them", () => {
    const once = createRowHasher(4, undefined, { key: [0] });
    once.push(text);
    const again = createRowHasher(4, undefined, { key: [0] });
    const first = once.finish();
    again.push(text);
    expect(again.finish()).toEqual(first);
    const next = createRowHasher(4, undefined, { key: [0] });
    next.push(text);
    expect(next.finish()).toEqual(first);
    const many = createRowHasher(2, undefined, { key: [0] });
    expect(() => many.push(Buffer.from(`${"x\t".repeat(5000)}\n`))).toThrow(
      expect.objectContaining({ code: "rows-malformed" }),
    );
    expect(() => createRowHasher(2, undefined, { key: [2] })).toThrow(RangeError);
  });
});

describe("the pair hasher", () => {
  const joined = (row: readonly (readonly [string, string | null])[], places: readonly number[]): string =>
    places.map((place) => row[place]?.[1] ?? "\x1e").join("\x1f");

  test.each([
    ["a key of one column", [0], undefined],
    ["a key in another order than the columns", [3, 1], undefined],
    ["a part of the row", [2], [1, 3]],
    ["a part of the row in another order", [1, 2], [3, 0]],
    ["no key", null, undefined],
    ["no key, of a part of the row", null, [2, 0, 1]],
  ])("gives the hashes of key and row, however the rows are cut: %s", (_name, key, row) => {
    const wanted = rows.flatMap((one) => [
      hashOfText(joined(one, key ?? row ?? all)),
      hashOfText(joined(one, row ?? all)),
    ]);
    for (const size of [1, 7, 1000, text.length]) {
      const found: bigint[] = [];
      const pairs = (some: BigInt64Array): void => void found.push(...some);
      const hasher = createPairHasher(4, undefined, { key, ...(row && { row }), pairs });
      for (let at = 0; at < text.length; at += size) hasher.push(text.subarray(at, at + size));
      expect(hasher.finish()).toEqual({ rows: "500" });
      expect(found).toEqual(wanted);
    }
  });

  test("takes a row that is larger than its memory, and small ones after it", () => {
    const large = "y ".repeat(3_000_000);
    const found: bigint[] = [];
    const hasher = createPairHasher(2, undefined, { key: [1, 0], pairs: (pairs) => void found.push(...pairs) });
    for (const line of [`1\t${large}`, "2\tb", `1\t${large}`, "3\tc"]) hasher.push(Buffer.from(`${line}\n`));
    hasher.finish();
    const both = (one: string, other: string) => [hashOfText(`${other}\x1f${one}`), hashOfText(`${one}\x1f${other}`)];
    expect(found).toEqual([both("1", large), both("2", "b"), both("1", large), both("3", "c")].flat());
  });

  test("counts as many rows as bytes: a table without columns", () => {
    const counts: number[] = [];
    const hasher = createPairHasher(0, undefined, { key: null, pairs: (some) => counts.push(some.length / 2) });
    hasher.push(Buffer.alloc(200_000, "\n"));
    expect(hasher.finish().rows).toBe("200000");
    expect(counts.reduce((sum, one) => sum + one, 0)).toBe(200_000);
  });

  test("refuses rows that are not as COPY writes them, and one that is cut off", () => {
    const broken = (bytes: string) => () => {
      const hasher = createPairHasher(2, undefined, { key: [0], pairs: () => undefined });
      hasher.push(Buffer.from(bytes));
      hasher.finish();
    };
    for (const bytes of ["1\t2\t3\n", "1\n", "1\t2\n1\t", "1\t\\", "\\.\n"])
      expect(broken(bytes)).toThrow(expect.objectContaining({ code: "rows-malformed" }));
  });
});
