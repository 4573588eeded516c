import { describe, expect, test } from "vitest";
import { afterLine, outside } from "../../actions/lib/postgres/dump/plain/parser.ts";
import { readPlainDump, withTables } from "../../actions/lib/postgres/dump/plain/read.ts";
import type { Inventory } from "../../actions/lib/postgres/inventory/model.ts";

const heading = (id: number, of: string, name: string, type: string, more = "", data = "") =>
  `--\n-- TOC entry ${id} (class ${of.split(" ")[0]} OID ${of.split(" ")[1]})\n${more}-- ${data}Name: ${name}; Type: ${type}; Schema: public; Owner: me\n--\n\n`;
const end = "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n";
const fake = heading(99, "1259 99", "fake", "TABLE");

const dump = `--
-- PostgreSQL database dump
--

\\restrict abc
SET client_encoding = 'UTF8';

${heading(1, "1255 11", "f()", "FUNCTION")}CREATE FUNCTION public.f() RETURNS text
    LANGUAGE sql
    AS $_$
${fake}select '$$' /* $x$ */ -- it's
$_$;


ALTER FUNCTION public.f() OWNER TO me;

${heading(2, "1255 12", "g()", "FUNCTION")}CREATE FUNCTION public.g() RETURNS text
    LANGUAGE sql
    RETURN E'it\\'s
${fake}';


SET default_tablespace = '';

SET default_table_access_method = heap;

${heading(3, "1259 13", "t", "TABLE")}CREATE TABLE public.t (
    "a
--
b" integer
);


ALTER TABLE public.t OWNER TO me;

${heading(4, "0 0", "TABLE t", "COMMENT", "-- Dependencies: 3\n")}COMMENT ON TABLE public.t IS 'x
${fake}';


${heading(5, "0 13", "t", "TABLE DATA", "-- Dependencies: 3\n", "Data for ")}COPY public.t ("a
--
b") FROM stdin;
1
\\\\.
--
-- PostgreSQL database dump complete
--
\\.


${heading(6, "0 14", "u", "TABLE DATA", "", "Data for ")}-- load via partition root public."it's"

COPY public."it's" (c) FROM stdin;
\\.


${heading(7, "0 0", "5..6", "BLOBS", "", "Data for ")}BEGIN;

SELECT pg_catalog.lo_open('5', 131072);
SELECT pg_catalog.lowrite(0, '\\x0102');
SELECT pg_catalog.lowrite(0, '\\x03');
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('6', 131072);
SELECT pg_catalog.lo_close(0);

COMMIT;

${heading(8, "2606 15", "t t_pkey", "CONSTRAINT")}ALTER TABLE ONLY public.t
    ADD CONSTRAINT t_pkey PRIMARY KEY (a);


-- Completed on 2026-11-22 23:27:30 UTC

${end}`;

const inventory = { tables: [], sequences: [] } as unknown as Inventory;

async function* cut(text: string, step: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

async function read(text: string, step: number, skip = false) {
  const plain = readPlainDump(cut(text, step), inventory);
  const rows: Record<string, string> = {};
  const objects: Record<string, string> = {};
  for await (const block of plain.blocks()) {
    if (skip) continue;
    if (block.kind === "table") {
      const chunks: Uint8Array[] = [];
      for await (const chunk of block.chunks()) chunks.push(chunk);
      rows[block.entry.tag] = Buffer.concat(chunks).toString();
    } else {
      for await (const { oid, chunks } of block.objects()) {
        const all: Uint8Array[] = [];
        for await (const chunk of chunks()) all.push(chunk);
        objects[oid] = Buffer.concat(all).toString("hex");
      }
    }
  }
  return { toc: plain.toc, rows, objects };
}

describe("plain SQL taken apart", () => {
  test.each([1, 2, 3, 5, 64, 100_000])(
    "gives entries, rows and large objects, cut into pieces of %i bytes",
    async (step) => {
      const { toc, rows, objects } = await read(dump, step);
      expect(toc.map(({ dumpId, desc }) => `${dumpId} ${desc}`)).toEqual([
        ...["1 FUNCTION", "2 FUNCTION", "3 TABLE", "4 COMMENT", "5 TABLE DATA", "6 TABLE DATA", "7 BLOBS"],
        "8 CONSTRAINT",
      ]);
      expect(rows).toEqual({ t: "1\n\\\\.\n--\n-- PostgreSQL database dump complete\n--\n", u: "" });
      expect(toc[5]?.copyStmt).toBe('COPY public."it\'s" (c) FROM stdin;\n');
      expect(objects).toEqual({ 5: "010203", 6: "" });
    },
  );

  test("an entry's SQL comes without owner and settings, and knows its section, access method and table", async () => {
    const { toc } = await read(dump, 4096, true);
    const table = toc[2];
    expect(table).toMatchObject({ tableOid: "1259", oid: "13", namespace: "public", owner: "me", tableam: "heap" });
    expect(table?.defn).toBe('CREATE TABLE public.t (\n    "a\n--\nb" integer\n);\n');
    expect(toc[0]?.defn).toMatch(/\$_\$;\n$/);
    expect(toc.map(({ section }) => section)).toEqual([
      ...["pre-data", "pre-data", "pre-data", "none", "data", "data", "data", "post-data"],
    ]);
    expect(toc[7]?.defn).toMatch(/PRIMARY KEY \(a\);\n$/);
    expect(withTables(toc)[7]?.dependencies).toEqual([3]);
  });

  test.each([
    ["among rows", dump.slice(0, dump.indexOf("\\\\.") + 2)],
    ["between entries", dump.slice(0, dump.indexOf("--\n-- TOC entry 6"))],
    ["before its last line", dump.slice(0, dump.lastIndexOf("--\n-- PostgreSQL"))],
    ["inside a function's body, whatever that says", `${dump.slice(0, dump.indexOf("select '$$'"))}${end}`],
    ["at once", ""],
  ])("what was cut off %s is called damaged", async (_where, text) => {
    await expect(read(text, 50)).rejects.toMatchObject({ code: "plain-dump-damaged" });
  });
});

describe("where a line of SQL ends", () => {
  test.each([
    ["select 'it''s';", "nothing"],
    ["select 'it", "string"],
    [String.raw`select E'it\'s`, "escape string"],
    [String.raw`select 'c:\';`, "nothing"],
    ["select $body$ ' $x$ ", "dollar"],
    ["select a$b$c;", "nothing"],
    ["select $1, $2;", "nothing"],
    ["/* /* */ '", "comment"],
    ["-- it's", "nothing"],
    ['"a""b', "identifier"],
    ["name'", "string"],
  ])("%s", (line, inside) => {
    expect(afterLine(outside, line).inside).toBe(inside);
  });
});
