import { expect, test } from "vitest";
import { dataHeader } from "../../actions/lib/postgres/rows/data-sql.ts";
import { readLargeObjectsSql } from "../../actions/lib/postgres/rows/large-objects.ts";
import { pieces } from "./archive-writer.ts";

const objects = ["16400", "16401", "4000000000"].map((oid) => ({ oid, bytes: "0", hash: "0" }));
const begin = (oid: string) => `SELECT pg_catalog.lo_create('${oid}');`;
const more = (oid: string, at: number, hex: string) => `SELECT pg_catalog.lo_put('${oid}', ${at}, '\\x${hex}');`;
const whole = [
  ...[begin("16400"), more("16400", 0, "00ff"), more("16400", 2, "5c2e0a")],
  ...[begin("16401"), begin("4000000000"), more("4000000000", 0, "01")],
];

async function read(lines: readonly string[], size = 1000, header: Uint8Array = dataHeader) {
  const bytes = Buffer.concat([header, Buffer.from(lines.map((line) => `${line}\n`).join(""))]);
  const found: Record<string, string> = {};
  for await (const { oid, bytes: some } of readLargeObjectsSql(pieces(bytes, size), objects))
    found[oid] = (found[oid] ?? "") + (some?.toString("hex") ?? "");
  return found;
}

test("large objects are read, however their bytes arrive", async () => {
  for (const size of [1, 3, 64, 100_000])
    expect(await read(whole, size)).toEqual({ 16400: "00ff5c2e0a", 16401: "", 4000000000: "01" });
});

test.each<[string, string[]]>([
  ["one is missing at the end", whole.slice(0, 4)],
  ["one is missing amid them", whole.toSpliced(3, 1)],
  ["one is there twice", [...whole, begin("4000000000")]],
  ["one of another comes next", whole.with(3, begin("16402"))],
  ["bytes of another come", whole.with(1, more("16401", 0, "00ff"))],
  ["a page is missing", whole.toSpliced(1, 1)],
  ["a page comes twice", whole.toSpliced(2, 0, more("16400", 0, "00ff"))],
  ["half a byte", whole.with(1, more("16400", 0, "00f"))],
  ["a statement behind one of ours", whole.with(0, `${begin("16400")} DROP TABLE t;`)],
  ["another statement", [...whole, "DROP TABLE t;"]],
  ["a command of psql's", [...whole, "\\! id"]],
  ["a function of somebody's", whole.with(0, "SELECT public.lo_create('16400');")],
  ["a number of another kind", whole.with(1, more("16400", -1, "00"))],
  ["nothing at all", []],
])("a file of large objects is refused: %s", async (_how, lines) => {
  await expect(read(lines)).rejects.toMatchObject({ code: "large-objects-malformed" });
});

test("a file with another header, or a line without an end, is refused", async () => {
  const refused = { code: "large-objects-malformed" };
  await expect(read(whole, 1000, Buffer.from("SET row_security = on;\n"))).rejects.toMatchObject(refused);
  await expect(read(whole, 1000, Buffer.alloc(0))).rejects.toMatchObject(refused);
  await expect(read([begin("16400"), more("16400", 0, "00".repeat(2_000_000))])).rejects.toMatchObject(refused);
});
