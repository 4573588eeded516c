import { describe, expect, test } from "vitest";
import { assertGroupComplete, assertSchemaComplete, movedObjects } from "../../actions/lib/compare/dump-checks.ts";
import type { TocEntry } from "../../actions/lib/postgres/dump/archive/toc.ts";
import { planDump, tablesOfOthers } from "../../actions/lib/postgres/dump/dump-plan.ts";
import { groupArguments } from "../../actions/lib/postgres/dump/pg-dump.ts";
import type { InventoryObject } from "../../actions/lib/postgres/inventory/model.ts";

const MiB = 1024 * 1024;
const limits = { largeTableBytes: 256 * MiB, groupBytes: 512 * MiB, jobs: 2 };
const none = { count: 0, bytes: 0 };
let oid = 16_384;
const table = (name: string, bytes: number, schema = "public") => ({ schema, name, bytes, oid: String(++oid) });

describe("the plan of the dumps", () => {
  test("of an empty database is one group by exclusion, which takes what nobody foresaw", () => {
    const [only, ...more] = planDump([], none, limits);
    expect(more).toEqual([]);
    expect(only).toMatchObject({ name: "01-rest", selection: "rest", tables: [] });
  });

  test("puts every table into exactly one group", () => {
    const tables = Array.from({ length: 500 }, (_, n) => table(`t${n}`, ((n * 7919) % 400) * MiB));
    const groups = planDump(tables, { count: 3, bytes: MiB }, limits);
    const planned = groups.flatMap((group) => group.tables.map(({ name }) => name));
    expect(planned.toSorted()).toEqual(tables.map(({ name }) => name).toSorted());
    for (const group of groups.filter(({ tables: some }) => some.length > 1)) {
      expect(group.tables.every(({ bytes }) => bytes < limits.largeTableBytes)).toBe(true);
      expect(group.bytes).toBeLessThanOrEqual(limits.groupBytes);
    }
  });

  test("gives a large table an artifact of its own, the largest first, the rest last", () => {
    const groups = planDump(
      [table("small", MiB), table("big", 300 * MiB), table("bigger", 900 * MiB)],
      { count: 1, bytes: 0 },
      limits,
    );
    expect(groups.map(({ name }) => name)).toEqual([
      "01-public.bigger",
      "02-public.big",
      "03-large-objects",
      "04-rest",
    ]);
  });

  test("of 2 TB in 20,000 tables is a few hundred dumps, and what names the tables fits a command line", () => {
    const shares = Array.from({ length: 20_000 }, (_, n) => 1 / (n + 1));
    const whole = shares.reduce((sum, share) => sum + share, 0);
    const long = "x".repeat(55);
    const tables = shares.map((share, n) =>
      table(`${long}_${n}`, Math.round((share / whole) * 2 * MiB * MiB), `tenant_${n % 50}_${long.slice(0, 50)}`),
    );
    const groups = planDump(tables, { count: 10_000, bytes: 0 }, limits);
    expect(groups.flatMap((group) => group.tables).length).toBe(20_000);
    expect(groups.length).toBeLessThanOrEqual(500);
    const rest = groups.at(-1);
    if (rest?.selection !== "rest") throw new Error("The last group takes the rest.");
    for (const group of groups) {
      const args = groupArguments(group, tablesOfOthers(groups, group), []);
      // Linux: 2 MiB in all, 128 KiB each.
      expect(args.reduce((sum, arg) => sum + arg.length + 9, 0)).toBeLessThan(1.9 * MiB);
      expect(Math.max(...args.map((arg) => arg.length))).toBeLessThan(128 * 1024);
    }
  });

  test("keeps odd names out of the keys in the vault", () => {
    const [first] = planDump([table('a/b "c" ü', 300 * MiB, "../x")], none, limits);
    expect(first?.name).toMatch(/^01-[A-Za-z0-9._-]+$/);
    expect(first?.name).not.toContain("/");
  });

  test("names tables to pg_dump so that nothing in a name is a pattern", () => {
    const groups = planDump([table('we"ird.*$', 300 * MiB, "o?d"), table("small", 1)], none, limits);
    const [large, rest] = groups;
    if (large === undefined || rest === undefined) throw new Error("Two groups were expected.");
    expect(groupArguments(large, [], [])).toEqual(["--data-only", "--no-blobs", '--table="o?d"."we""ird.*$"']);
    expect(groupArguments(rest, tablesOfOthers(groups, rest), [])).toEqual([
      "--data-only",
      "--no-blobs",
      '--exclude-table="o?d"."we""ird.*$"',
    ]);
  });
});

const entry = (values: Partial<TocEntry>): TocEntry => ({
  ...{
    dumpId: 1,
    tableOid: "0",
    oid: "0",
    tag: "",
    desc: "TABLE",
    section: "pre-data",
    defn: "",
    dropStmt: "",
    copyStmt: "",
  },
  ...{ namespace: null, tablespace: null, owner: "", tableam: null, dependencies: [], hasData: false },
  ...values,
});
const object = (values: Partial<InventoryObject>): InventoryObject => ({
  ...{
    kind: "function",
    identity: "public.f()",
    schema: "public",
    classId: "1255",
    oid: "1",
    owner: "o",
    definition: "d",
  },
  ...{ grants: null, comment: null, extension: null, listed: true },
  ...values,
});

describe("a dump is held against the catalogue", () => {
  test("an object that it lacks is named", () => {
    const objects = [
      object({}),
      object({ oid: "2", identity: "public.lost()" }),
      object({ oid: "3", identity: "inline", listed: false }),
    ];
    expect(() => assertSchemaComplete({ objects }, [entry({ tableOid: "1255", oid: "1" })])).toThrow(
      /lacks 1 .*function public\.lost\(\)/,
    );
  });

  test("the same OID in another catalogue is another object", () => {
    expect(() => assertSchemaComplete({ objects: [object({})] }, [entry({ tableOid: "1259", oid: "1" })])).toThrow(
      /public\.f/,
    );
  });

  test("a table without its rows is named", () => {
    const [group] = planDump([table("exams", 1)], none, limits);
    if (group === undefined) throw new Error("A group was expected.");
    expect(() => assertGroupComplete(group, [entry({ desc: "TABLE", oid: group.tables[0]?.oid ?? "" })])).toThrow(
      /public\.exams/,
    );
    expect(() =>
      assertGroupComplete(group, [entry({ desc: "TABLE DATA", oid: group.tables[0]?.oid ?? "" })]),
    ).not.toThrow();
  });

  test("a definition that changed, or went, has moved; what came later, a grant or a large object has not", () => {
    const before = [object({}), object({ oid: "2" }), object({ oid: "3" }), object({ oid: "4", kind: "large object" })];
    const after = [
      object({ grants: [], comment: "new" }),
      object({ oid: "2", definition: "other" }),
      object({ oid: "9" }),
    ];
    expect(movedObjects(before, after).map((moved) => moved.oid)).toEqual(["2", "3"]);
  });
});
