import { expect, test } from "vitest";
import { chooseCompared, RowsRead } from "../../actions/lib/operations/backup/row-files.ts";
import type { Fingerprint, Inventory, TableContent } from "../../actions/lib/postgres/inventory/model.ts";
import { extensionFile, planData } from "../../actions/lib/postgres/rows/data-plan.ts";

const MiB = 1024 * 1024;

function table(name: string, oid: string, bytes: number): TableContent {
  return {
    ...{ schema: "public", name, oid, columns: ["id", "text"], bytes, extension: null, carried: true, filter: null },
    ...{ unlogged: false, fingerprint: null },
  };
}

const small = table("small", "1", MiB);
const large = table("large", "2", 100 * MiB);
const own = { ...table("queue", "3", MiB), carried: false, extension: "pgmq" };

function inventory(tables: readonly TableContent[], encoding = "UTF8"): Inventory {
  return {
    ...{ format: "lifeboat-inventory/2", serverVersion: "17.11", serverMajor: 17, database: "qimma" },
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

const heaps = new Map([["2", { pages: 12_800, path: undefined }]]);
const files = [...planData([small, large], heaps, { sliceBytes: 64 * MiB, jobs: 1 }), extensionFile([own])];
const slices = files.filter(({ slice }) => slice !== undefined);

/** All files are stored, each table's rows in each of them with this fingerprint, but for the files left out. */
function read(but: readonly number[] = []): RowsRead {
  const rows = new RowsRead(files);
  for (const [place, file] of [...files.entries()].reverse()) {
    if (but.includes(place)) continue;
    rows.stored(file, file.name, new Map(file.tables.map((one) => [one, { rows: "2", hash: String(place - 10) }])));
  }
  return rows;
}

const refused = (code: string, names: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(names) });

test("the parts of a table are those of its slices, in their order, and add up", () => {
  const { tables } = read().settle(inventory([small, large, own]), new Map());
  const [, ofLarge, ofQueue] = tables;
  expect(slices.length).toBe(4);
  expect(ofLarge?.parts?.map(({ artifact }) => artifact)).toEqual(slices.map(({ name }) => name));
  expect(ofLarge?.fingerprint).toEqual({ rows: "8", hash: String(-10 - 9 - 8 - 7) });
  expect(ofQueue?.parts).toMatchObject([{ artifact: "data/extensions.sql.zst.pgp", rows: "2" }]);
});

test.each([
  ["a slice", 2, "public.large"],
  ["a file of whole tables", 4, "public.small"],
  ["the extensions' file", 5, "public.queue"],
])("%s that was not stored refuses the set by the table's name", (_what, place, name) => {
  expect(() => read([place]).settle(inventory([small, large, own]), new Map())).toThrow(
    refused("dump-incomplete", name),
  );
});

test("a table that the plan does not know refuses the set by its name", () => {
  const late = table("late", "9", 0);
  expect(() => read().settle(inventory([small, large, own, late]), new Map())).toThrow(
    refused("dump-incomplete", "public.late"),
  );
});

const said = (fingerprint: Fingerprint) => new Map([["1", fingerprint]]);

test("what the server hashed too has to be the same", () => {
  const all = inventory([small, large, own]);
  expect(() => read().settle(all, said({ rows: "2", hash: "-6" }))).not.toThrow();
  expect(() => read().settle(all, said({ rows: "2", hash: "1" }))).toThrow(refused("dump-differs", "public.small"));
  expect(() => read().settle(all, said({ rows: "3", hash: "-6" }))).toThrow(refused("dump-differs", "public.small"));
});

const none = new Set<string>();

test("the server hashes small tables too, by turns, as far as they are small together", () => {
  expect(chooseCompared(inventory([small, large, own]), none).map(({ name }) => name)).toEqual(["small"]);
  const many = Array.from({ length: 100 }, (_, index) => table(`t${index}`, String(index), MiB));
  expect(chooseCompared(inventory(many), none)).toHaveLength(32);
  expect(chooseCompared(inventory([small], "LATIN1"), none)).toEqual([]);
  expect(chooseCompared(inventory([small]), new Set(["public.small"]))).toEqual([]);
});
