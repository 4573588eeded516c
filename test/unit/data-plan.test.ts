import { describe, expect, test } from "vitest";
import type { TableContent } from "../../actions/lib/postgres/inventory/model.ts";
import {
  type DataFile,
  extensionFile,
  type Heap,
  nameOfTry,
  planData,
  sequencesName,
} from "../../actions/lib/postgres/rows/data-plan.ts";

const MiB = 1024 * 1024;
const limits = { sliceBytes: 64 * MiB, jobs: 2 };
let oid = 16_384;
const table = (name: string, bytes: number, schema = "public"): TableContent => ({
  ...{ schema, name, bytes, oid: String(++oid), columns: ["id"], extension: null, carried: true, filter: null },
  ...{ unlogged: false, fingerprint: null },
});
const heapsOf = (tables: readonly TableContent[]) =>
  new Map<string, Heap>(tables.map((one) => [one.oid, { pages: Math.ceil(one.bytes / 8192), path: undefined }]));
const plan = (tables: readonly TableContent[], some = limits) => planData(tables, heapsOf(tables), some);
const named = (files: readonly DataFile[]) => files.map(({ name }) => name);

describe("the plan of the files", () => {
  test("of an empty database is none", () => {
    expect(plan([])).toEqual([]);
    expect(sequencesName([])).toBe("data/01-sequences.sql.zst.pgp");
  });

  test("cuts a large table into slices that meet, from its first page to an open end", () => {
    const files = plan([table("exams", 1000 * MiB), table("small", MiB)]);
    const slices = files.flatMap(({ slice }) => slice ?? []);
    expect(slices.length).toBe(16);
    expect(slices[0]?.from).toBe(0);
    expect(slices.at(-1)?.to).toBeUndefined();
    for (const [place, { to }] of slices.slice(0, -1).entries()) {
      expect(to).toBe(slices[place + 1]?.from);
      expect(to).toBeGreaterThan(slices[place]?.from ?? 0);
    }
    expect(named(files).slice(0, 2)).toEqual([
      "data/01-public.exams.001.sql.zst.pgp",
      "data/01-public.exams.002.sql.zst.pgp",
    ]);
    expect(named(files).at(-1)).toBe("data/02-public.small.sql.zst.pgp");
    expect(sequencesName(files)).toBe("data/03-sequences.sql.zst.pgp");
  });

  test("puts every table into exactly one file, or into slices of its own", () => {
    const tables = Array.from({ length: 500 }, (_, n) => table(`t${n}`, ((n * 7919) % 400) * MiB));
    const files = plan(tables);
    const planned = files.filter(({ slice }) => slice === undefined || slice.from === 0).flatMap((file) => file.tables);
    expect(planned.map(({ name }) => name).toSorted()).toEqual(tables.map(({ name }) => name).toSorted());
    expect(files.filter(({ slice }) => slice !== undefined).every((file) => file.tables.length === 1)).toBe(true);
    for (const { bytes } of files) expect(bytes).toBeLessThanOrEqual(1.5 * limits.sliceBytes);
    expect(new Set(named(files)).size).toBe(files.length);
  });

  test("leaves a table whole that cannot be cut", () => {
    const large = table("elsewhere", 900 * MiB);
    const files = planData([large], new Map(), limits);
    expect(files).toMatchObject([{ tables: [large] }]);
    expect(files[0]?.slice).toBeUndefined();
  });

  test("gives each lane several files, so that all end at about the same time", () => {
    const tables = [table("exams", 330 * MiB), ...Array.from({ length: 40 }, (_, n) => table(`t${n}`, 3 * MiB))];
    for (const jobs of [2, 4]) expect(plan(tables, { ...limits, jobs }).length).toBeGreaterThanOrEqual(3 * jobs);
    const many = Array.from({ length: 2034 }, (_, n) => table(`t${n}`, 8192));
    expect(plan(many, { ...limits, jobs: 4 }).length).toBeGreaterThanOrEqual(4);
  });

  test("of 2 TB in 20,000 tables is a few thousand files", () => {
    const shares = Array.from({ length: 20_000 }, (_, n) => 1 / (n + 1));
    const whole = shares.reduce((sum, share) => sum + share, 0);
    const files = plan(shares.map((share, n) => table(`t${n}`, Math.round((share / whole) * 2 * MiB * MiB))));
    expect(files.length).toBeLessThan(4000);
    // Behind all the others, by name too.
    expect([...named(files), sequencesName(files)].toSorted().at(-1)).toBe(sequencesName(files));
  });

  test("keeps odd names out of the keys in the vault", () => {
    const [file] = plan([table('a/b "c" ü', MiB, "../x")]);
    expect(file?.name).toMatch(/^data\/01-[A-Za-z0-9._-]+\.sql\.zst\.pgp$/);
    expect(file?.name.slice("data/".length)).not.toContain("/");
  });

  test("gives what is stored again another name, the slice's number at its place", () => {
    const [first] = plan([table("exams", 1000 * MiB)]);
    const [whole] = plan([table("small", MiB)]);
    if (first === undefined || whole === undefined) throw new Error("Two files were expected.");
    expect(nameOfTry(first, 1)).toBe(first.name);
    expect(nameOfTry(first, 2)).toBe("data/01-public.exams.try2.001.sql.zst.pgp");
    expect(nameOfTry(whole, 3)).toBe("data/01-public.small.try3.sql.zst.pgp");
    expect(extensionFile([]).name).toBe("data/extensions.sql.zst.pgp");
  });
});
