import { describe, expect, test } from "vitest";
import { createRowHasher } from "../../actions/lib/postgres/row-hash/row-hash.ts";
import { createNdjsonReader } from "../../actions/lib/postgres/rows/copy-text.ts";
import { CopyToNdjson, planExport } from "../../actions/lib/postgres/rows/export-rows.ts";

function copyText(columns: readonly string[], ndjson: string | Buffer, step: number): string {
  const reader = createNdjsonReader(columns);
  const bytes = Buffer.from(ndjson);
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += step) out.push(reader.push(bytes.subarray(at, at + step)));
  reader.finish();
  return Buffer.concat(out).toString();
}

describe("NDJSON as COPY's text", () => {
  const columns = ["id", 'odd "name"\n\\', "نص"];
  const line = (...values: (string | null)[]) =>
    `${JSON.stringify(Object.fromEntries(columns.map((column, at) => [column, values[at] ?? null])))}\n`;
  const ndjson =
    line("1", 'a\tb\nc\r\\d"e\u0001\b\f/', "قِمّة 👩‍🎓") +
    line("2", null, "") +
    line(null, "\\N", "\\.") +
    line("\u000b", "null", "NULL");
  const wanted = '1\ta\\tb\\nc\\r\\\\d"e\u0001\\b\\f/\tقِمّة 👩‍🎓\n2\t\\N\t\n\\N\t\\\\N\t\\\\.\n\u000b\tnull\tNULL\n';

  test.each([1, 2, 3, 7, 1000])("comes out the same, cut into pieces of %i bytes", (step) => {
    expect(copyText(columns, ndjson, step)).toBe(wanted);
  });

  test.each([1, 2, 3, 7, 1000])("is made of COPY's text again, cut into pieces of %i bytes", (step) => {
    const json = new CopyToNdjson(columns);
    const bytes = Buffer.from(`${wanted}\\v\t\t\n`);
    const out: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += step) out.push(json.push(bytes.subarray(at, at + step)));
    expect(Buffer.concat(out).toString()).toBe(ndjson.replaceAll("\\/", "/") + line("\u000b", "", ""));
  });

  test("an escaped pair of surrogates, a slash and a control character are what they stand for", () => {
    const escapes = String.raw`{"x":"\ud83d\ude00\/\u0007\u005c\u000a"}`;
    for (const step of [1, 5, 100]) expect(copyText(["x"], `${escapes}\n`, step)).toBe("😀/\u0007\\\\\\n\n");
  });

  test("a table without columns has one empty line a row, which the row hasher counts", () => {
    const text = copyText([], "{}\n{}\n", 1);
    const hasher = createRowHasher(0);
    hasher.push(Buffer.from(text));
    expect([text, hasher.finish().rows]).toEqual(["\n\n", "2"]);
  });

  test.each([
    ["a column missing", '{"a":"1"}\n'],
    ["a column too many", '{"a":"1","b":"2","c":"3"}\n'],
    ["another column", '{"a":"1","x":"2"}\n'],
    ["columns in another order", '{"b":"1","a":"2"}\n'],
    ["a number for a text", '{"a":1,"b":"2"}\n'],
    ["a line cut off", '{"a":"1","b":"2'],
    ["a last line without its end", '{"a":"1","b":"2"}'],
    ["half a pair of surrogates", `${String.raw`{"a":"\ud83dx00000","b":"2"}`}\n`],
    ["something else", "id,name\n"],
  ])("%s is refused, and no value is told", (_what, text) => {
    expect(() => copyText(["a", "b"], text, 4)).toThrow(expect.objectContaining({ code: "export-malformed" }));
  });
});

describe("the names of the exports", () => {
  const table = (schema: string, name: string, oid: string, bytes = 0) => ({ schema, name, oid, bytes });

  test("stay readable, and apart whatever the case of letters", () => {
    const tables = [
      table("public", "exams", "1", 5),
      table("public", "Exams", "2"),
      table("Odd Schema", "Table/with\nall", "3"),
      table("a.b", "c", "4"),
      table("a", "b.c", "5"),
      table("public", "ف", "6"),
      table("public", "ق", "7"),
      table("public", "x".repeat(63), "8"),
    ];
    const planned = planExport(tables);
    const names = Object.fromEntries(planned.map(({ table: { oid }, artifact }) => [oid, artifact]));
    expect(names).toMatchObject({
      1: "json/public.exams.ndjson.zst.pgp",
      2: "json/public.Exams-2.ndjson.zst.pgp",
      3: "json/Odd_Schema.Table_with_all-3.ndjson.zst.pgp",
      4: "json/a.b.c.ndjson.zst.pgp",
      5: "json/a.b.c-5.ndjson.zst.pgp",
    });
    expect(planned.length).toBe(8);
    expect(planned[0]?.table.oid).toBe("1");
    expect(new Set(planned.map(({ artifact }) => artifact.toLowerCase())).size).toBe(8);
    const reversed = planExport([...tables].reverse());
    for (const {
      table: { oid },
      artifact,
    } of reversed)
      expect(names[oid]).toBe(artifact);
  });
});
