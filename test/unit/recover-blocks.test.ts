import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { quoteIdentifier, quoteQualified } from "../../actions/lib/postgres/identifier.ts";
import { blockBegin, blockEnd, copyStatement, dataHeader } from "../../actions/lib/postgres/rows/data-sql.ts";
import { templatesIn } from "../../actions/lib/recover/pages.ts";

const folder = mkdtempSync(join(tmpdir(), "blocks-"));
afterAll(() => rmSync(folder, { recursive: true }));
const templates = new URL("../../actions/lib/recover/templates/", import.meta.url);
writeFileSync(join(folder, "blocks.awk"), templatesIn(templates)("blocks.awk", {}));

const hostile = [
  'a"b',
  "a\nb",
  'x" (id) FROM stdin;\nDROP TABLE all;\n\\.\n\n',
  '\n\nCOPY "public"."other" FROM stdin;',
  "\\",
  "tab\tbell\b\v\f\r",
  "\\n",
];
const tables = [
  ...hostile.map((name, at) => ({ oid: String(at + 1), schema: name, name, columns: [name, "id"] })),
  { oid: "90", schema: "public", name: "no_columns", columns: [] },
  { oid: "91", schema: "public", name: "other", columns: ["id"] },
];
const rowsOf = ({ oid, columns }: (typeof tables)[number]): string =>
  columns.length === 0 ? "\n\n" : `${oid}\tCOPY x FROM stdin;\n\\\\.\n${oid}\t\n`;
const blockOf = (table: (typeof tables)[number]) => [blockBegin(table), Buffer.from(rowsOf(table)), blockEnd];
const file = Buffer.concat([dataHeader, ...tables.flatMap(blockOf)]);

/** As `\copy … to 'blocks'` writes it. */
const escapes: Readonly<Record<string, string>> = {
  ...{ "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v" },
};
function known(takers: Readonly<Record<string, string>>): string {
  const lines = tables.map(({ oid, schema, name, columns }) => {
    const list = columns.length === 0 ? "" : ` (${columns.map(quoteIdentifier).join(", ")})`;
    const fields = ["data/01.sql", oid, quoteQualified(schema, name), list, takers[oid] ?? ""];
    return fields.map((field) => field.replaceAll(/[\\\n\t\r\b\f\v]/g, (sign) => escapes[sign] ?? sign)).join("\t");
  });
  return `${lines.join("\n")}\n`;
}

function told(input: Uint8Array, { from = 0, oids = "", into = "" }): { status: number | null; out: string } {
  const args = [`file=data/01.sql`, `from=${from}`, `oids=${oids}`, `into=${into}`].flatMap((one) => ["-v", one]);
  const env = { ...process.env, LC_ALL: "C" };
  const ended = spawnSync("awk", [...args, "-f", "blocks.awk"], { cwd: folder, input, env });
  return { status: ended.status, out: ended.stdout.toString() };
}

const under = (statement: string, table: (typeof tables)[number]) => `${statement}\n${rowsOf(table)}\\.\n`;

describe("the blocks of a data file, by RECOVER.md's awk", () => {
  test("go to psql under the statement of the table that takes them, whatever tables are called, and nothing else does", () => {
    const takers = Object.fromEntries(tables.map(({ oid, schema, name }) => [oid, quoteQualified(schema, name)]));
    writeFileSync(join(folder, "blocks"), known(takers));
    const all = tables.map((table) => under(copyStatement(table), table));
    expect(told(file, {})).toEqual({ status: 0, out: all.join("") });
    expect(told(file, { from: 4 })).toEqual({ status: 0, out: all.slice(4).join("") });
    expect(told(file, { from: tables.length })).toEqual({ status: 0, out: "" });
    const [two, none] = [tables[2], tables[7]].map((table) =>
      table === undefined ? "" : under(copyStatement(table), table),
    );
    expect(told(file, { oids: " 3 90 " })).toEqual({ status: 0, out: `${two}${none}` });
  });

  test("go elsewhere where the target wants it, and are left out where it takes none", () => {
    writeFileSync(join(folder, "blocks"), known({ "2": "public.root", "91": 'public."o\nther"' }));
    const list = copyStatement({ schema: "", name: "", columns: ["a\nb", "id"] }).slice('COPY "".""'.length);
    const [second, last] = [tables[1], tables.at(-1)];
    if (second === undefined || last === undefined) throw new Error("no tables");
    const loaded = under(`COPY public.root${list}`, second) + under('COPY public."o\nther" ("id") FROM stdin;', last);
    expect(told(file, {})).toEqual({ status: 0, out: loaded });
    expect(told(file, { oids: " 91 ", into: "pg_temp.made" }).out).toBe(
      under('COPY pg_temp.made ("id") FROM stdin;', last),
    );
  });

  test.each([
    [
      "a statement that the inventory does not know",
      Buffer.concat([dataHeader, Buffer.from("\nCOPY x FROM stdin;\n1\n\\.\n")]),
    ],
    ["something behind the last rows", Buffer.concat([file, Buffer.from("DROP TABLE x;\n")])],
    ["rows without their end", file.subarray(0, -3)],
  ])("%s ends the script, and is printed to nobody", (_, input) => {
    writeFileSync(join(folder, "blocks"), known({}));
    expect(told(input, {})).toEqual({ status: 1, out: "" });
  });
});
