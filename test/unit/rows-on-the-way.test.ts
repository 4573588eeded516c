import { expect, test } from "vitest";
import { RowsOnTheWay } from "../../actions/lib/operations/backup/rows-on-the-way.ts";
import type { TocEntry } from "../../actions/lib/postgres/dump/archive/toc.ts";
import type { Fingerprint, Inventory, TableContent } from "../../actions/lib/postgres/inventory/model.ts";
import { frame, integer } from "./archive-writer.ts";

const MiB = 1024 * 1024;

function table(name: string, oid: string, bytes: number): TableContent {
  return {
    ...{ schema: "public", name, oid, columns: ["id", "text"], bytes, extension: null, carried: true, filter: null },
    ...{ unlogged: false, fingerprint: null },
  };
}

const small = table("small", "1", MiB);
const large = table("large", "2", 900 * MiB);
const rows = Buffer.concat([frame("1\tabc\n"), frame("1\tabc\n"), frame("\\.\n\n\n"), integer(0)]);
const ofThem: Fingerprint = { rows: "2", hash: "-4998202764225760084" };

function inventory(tables: readonly TableContent[], encoding = "UTF8"): Inventory {
  return {
    ...{ format: "lifeboat-inventory/1", serverVersion: "17.11", serverMajor: 17, database: "qimma" },
    ...{ databaseSettings: [], roles: [], memberships: [], sequences: [], materializedViews: [], largeObjects: [] },
    objects: [
      {
        ...{ kind: "database", identity: "qimma", schema: null, classId: "1262", oid: "5", owner: "postgres" },
        ...{ definition: `encoding ${encoding}`, grants: null, comment: null, extension: null, listed: true },
      },
    ],
    tables: [...tables],
  };
}

function dumped(tables: readonly TableContent[], content = rows): RowsOnTheWay {
  const hashed = new RowsOnTheWay(inventory(tables));
  for (const { oid } of tables) hashed.dumpInput().readerOf(rowsOf(oid))?.push(content);
  return hashed;
}

function rowsOf(oid: string): TocEntry {
  return {
    ...{ dumpId: 7, tableOid: "0", oid, tag: "t", desc: "TABLE DATA", section: "data", defn: "", dropStmt: "" },
    ...{ copyStmt: "", namespace: "public", tablespace: null, owner: "postgres", tableam: null, dependencies: [] },
    hasData: true,
  };
}

const refused = (names: string) =>
  expect.objectContaining({ code: "dump-differs", message: expect.stringContaining(names) });

test("the server hashes small tables too, and counts the rows of large ones", () => {
  const hashed = new RowsOnTheWay(inventory([small, large]));
  expect([hashed.ask(small), hashed.ask(large)]).toEqual(["fingerprint", "rows"]);
  const many = Array.from({ length: 100 }, (_, index) => table(`t${index}`, String(index), MiB));
  const asked = new RowsOnTheWay(inventory(many));
  expect(many.filter((one) => asked.ask(one) === "fingerprint")).toHaveLength(32);
});

test("what passed becomes the fingerprint when the server says the same", () => {
  const said = inventory([{ ...small, fingerprint: ofThem }, large]);
  const { tables } = dumped([small, large]).settle(said, new Map([["2", "2"]]));
  expect(tables.map(({ fingerprint }) => fingerprint)).toEqual([ofThem, ofThem]);
});

test.each([
  ["another hash", { ...ofThem, hash: "1" }, "2", "public.small"],
  ["another number of rows in a small table", { ...ofThem, rows: "3" }, "2", "public.small"],
  ["another number of rows in a large table", ofThem, "3", "public.large"],
  ["no number", ofThem, undefined, "public.large"],
])("%s at the server refuses the dump by name", (_name, fingerprint, counted, names) => {
  const said = inventory([{ ...small, fingerprint }, large]);
  const rows = new Map(counted === undefined ? [] : [["2", counted]]);
  expect(() => dumped([small, large]).settle(said, rows)).toThrow(refused(names));
});

test("a table that never passed, or twice, refuses the dump", () => {
  const said = inventory([{ ...small, fingerprint: ofThem }, large]);
  expect(() => dumped([small]).settle(said, new Map([["2", "2"]]))).toThrow(refused("public.large"));
  const hashed = dumped([small]);
  expect(() => hashed.dumpInput().readerOf(rowsOf("1"))).toThrow(refused("public.small"));
});

test("tables that are in no dump keep no fingerprint", () => {
  const left = { ...large, carried: false };
  const { tables } = dumped([small]).settle(inventory([{ ...small, fingerprint: ofThem }, left]), new Map());
  expect(tables.map(({ fingerprint }) => fingerprint)).toEqual([ofThem, null]);
});

test("a database in another encoding is left to the server", () => {
  expect(RowsOnTheWay.isPossible(inventory([small]))).toBe(true);
  expect(RowsOnTheWay.isPossible(inventory([small], "LATIN1"))).toBe(false);
});
