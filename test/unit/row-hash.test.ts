import { expect, test } from "vitest";
import { createRowHasher } from "../../actions/lib/prove/row-hash.ts";

function fingerprint(columns: number, text: string | Buffer, pieceBytes = 1_000_000): { rows: string; hash: string } {
  const hasher = createRowHasher(columns);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) hasher.push(bytes.subarray(at, at + pieceBytes));
  return hasher.finish();
}

const nasty = 'a"b\\\\c d\\te\\nf\\vg\\fh\\ri(,)\x01\x7fé\u00a0\n';

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
])("rows with %s are refused", (_name, columns, text) => {
  expect(() => fingerprint(columns, text)).toThrow(expect.objectContaining({ code: "rows-malformed" }));
});
