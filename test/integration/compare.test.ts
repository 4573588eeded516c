import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { comparePage } from "../../actions/lib/operations/compare/page.ts";
import {
  type CompareRequest,
  type CompareResult,
  runCompare,
} from "../../actions/lib/operations/compare/run-compare.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab, recordingLog } from "./backup-lab.ts";

const schema = `
  create table public.courses (id int primary key, name text);
  create table public.exams (id int primary key, course_id int references public.courses on delete cascade, price numeric(10,2),
    title text, room text);
  create table public.days (id int, day date, what text, primary key (id, day)) partition by range (day);
  create table public.days_a partition of public.days for values from ('2026-01-01') to ('2026-06-01');
  create table public.days_b partition of public.days for values from ('2026-06-01') to ('2027-01-01');
  insert into public.courses select i, 'course ' || i from generate_series(1, 60) i;
  insert into public.exams select i, 1 + i % 60, i, 'secret title ' || i, 'room ' || i % 9 from generate_series(1, 3000) i;
  insert into public.days select i, date '2026-01-01' + i % 300, 'day ' || i from generate_series(1, 1000) i`;

/** An UPDATE without WHERE, under a savepoint for each half; then honest work. */
const accident = [
  `begin; savepoint a; update public.exams set price = 0 where id <= 1500; release a; savepoint b;
   update public.exams set price = 0 where id > 1500; release b; commit`,
  ...[11, 12, 13, 14].map((id) => `update public.exams set title = 'honest ' || title where id = ${id}`),
  "delete from public.courses where id in (1, 2)",
  "delete from public.exams where id = 500",
  "insert into public.exams select i, 5, 7, 'new', 'r' from generate_series(5001, 5005) i",
  "update public.days set day = day + 150 where id < 20 and day < '2026-01-15'",
];

let server: RunningPostgres;
let lab: BackupLab;
let source: LabProject;
let [before, after] = ["", ""];

beforeAll(async () => {
  server = await startPostgres(17, { settings: { track_commit_timestamp: "on" } });
  lab = await openBackupLab(sharedS3());
  source = await createProject(server.superuserUrl(), "compare");
  await execute(source.postgresUrl, schema);
  before = (await backUp(lab, source.backupUrl)).set;
  for (const statement of accident) await execute(source.postgresUrl, statement);
  after = (await backUp(lab, source.backupUrl)).set;
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await server?.stop();
});

const env = () => ({
  ...lab.env("postgres://nobody@127.0.0.1/unused"),
  RESTORE_PRIVATE_KEY: lab.operations.key.armor(),
  TARGET_DATABASE_URL: source.postgresUrl,
});

async function compare(more: Partial<CompareRequest> = {}): Promise<CompareResult> {
  const config = await loadConfig({ needs: ["vault", "opening", "target"], env: env() });
  const { vault } = lab;
  const usual = { config, vault, set: before, table: "public.exams", against: config, mostBytes: 1e9, values: false };
  return runCompare({ ...usual, log: silentLog, ...more });
}

describe("a set against the live table", () => {
  test("says what an UPDATE without WHERE has changed, by column and by transaction, apart from honest work", async () => {
    const { counts, byColumn, transactions, missing } = await compare();
    expect(counts).toEqual({ equal: 0, missing: 101, changed: 2899, added: 5 });
    expect(byColumn).toEqual([
      { column: "price", rows: 2899 },
      { column: "title", rows: 4 },
    ]);
    const [largest, ...others] = transactions?.groups ?? [];
    expect(largest).toMatchObject({ changed: 2895, added: 0, columns: ["price"] });
    // Both savepoints are one transaction's: they were committed at the same time.
    expect(largest?.numbers).toBe(2);
    expect(largest?.at).toMatch(/^\d{4}-/);
    expect(others.map(({ changed, added }) => [changed, added])).toEqual([
      [0, 5],
      [1, 0],
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    expect(missing).toEqual([
      { parent: "public.courses", constraint: "exams_course_id_fkey", cascades: true, rows: 100 },
      { parent: null, constraint: null, cascades: false, rows: 1 },
    ]);
  });

  test("looks only at what a condition holds for, before or after, and at the columns that are named", async () => {
    const chosen = await compare({ where: "price = 100 or id = 500" });
    // Row 100 was changed, row 500 is missing.
    expect(chosen.counts).toEqual({ equal: 0, missing: 1, changed: 1, added: 0 });
    expect(chosen.chosen).toBe(0);
    const { counts, byColumn } = await compare({ columns: ["title"] });
    expect(byColumn).toEqual([{ column: "title", rows: 4 }]);
    expect(counts).toMatchObject({ missing: 101, changed: 4, added: 5 });
    expect((await compare({ where: "true" })).chosen).toBe(2904);
  });

  test("takes a partitioned table for one, whichever partition a row is in", async () => {
    const { counts, key } = await compare({ table: "public.days" });
    expect(key).toEqual(["id", "day"]);
    expect(counts.missing).toBe(counts.added);
    expect(counts.missing).toBeGreaterThan(0);
    expect(counts.changed).toBe(0);
  });

  test.each([
    ["a set that is not there", { set: "20200101T000000Z-00000000" }, "set-unknown"],
    ["a table that the target does not have", { table: "public.nowhere" }, "set-without-table"],
    ["what is no table's name", { table: "exams" }, "table-unknown"],
    ["a column that neither has", { columns: ["prise"] }, "column-unknown"],
    ["a condition that holds for no row", { where: "id = -1" }, "where-nothing"],
    ["a condition that writes", { where: "nextval('public.x') > 0" }, "where-refused"],
    ["rows that are more than may lie beside the table", { mostBytes: 10_000 }, "temporary-space"],
  ])("refuses %s", async (_name, more, code) => {
    await expect(compare(more)).rejects.toMatchObject({ code });
  });

  test("refuses a table that came after the set, and one that went since", async () => {
    await execute(source.postgresUrl, "create table public.young (id int); alter table public.days rename to old_days");
    await expect(compare({ table: "public.young" })).rejects.toMatchObject({ code: "set-without-table" });
    await expect(compare({ table: "public.days" })).rejects.toMatchObject({ code: "table-unknown" });
    await execute(source.postgresUrl, "drop table public.young; alter table public.old_days rename to days");
  });

  test("leaves nothing behind, and the table to others meanwhile", async () => {
    const looking = compare();
    await execute(source.postgresUrl, "update public.exams set room = room where id = 3000");
    await looking;
    const left = await withClient(source.superuserUrl, (client) =>
      client.query("select 1 from pg_class where relname like 'lifeboat%' and relpersistence = 't'"),
    );
    expect(left.rows).toEqual([]);
  });
});

describe("two sets without a database", () => {
  test("differ in the same rows and columns", async () => {
    const result = await compare({ against: { set: after } });
    expect(result.against).toBe(`set ${after}`);
    expect(result.counts).toEqual({ equal: 0, missing: 101, changed: 2899, added: 5 });
    expect(result.byColumn).toEqual([
      { column: "price", rows: 2899 },
      { column: "title", rows: 4 },
    ]);
    expect((await compare({ table: "public.courses", against: { set: after } })).counts).toEqual({
      ...{ equal: 58, missing: 2, changed: 0, added: 0 },
    });
  });

  test("may be of different majors", async () => {
    const older = await createProject(sharedPostgres(15).superuserUrl(), "compare_older");
    try {
      await execute(older.postgresUrl, schema);
      const { set } = await backUp(lab, older.backupUrl);
      const result = await compare({ set, against: { set: after } });
      expect(result.counts).toEqual({ equal: 0, missing: 101, changed: 2899, added: 5 });
      expect((await compare({ set, against: { set: before } })).counts).toMatchObject({ equal: 3000, changed: 0 });
      expect((await compare({ set })).counts).toEqual({ equal: 0, missing: 101, changed: 2899, added: 5 });
    } finally {
      await dropProject(sharedPostgres(15).superuserUrl(), older.name);
    }
  });

  test("are two", async () => {
    await expect(compare({ against: { set: before } })).rejects.toMatchObject({ code: "same-set" });
  });
});

describe("values of rows", () => {
  test("stand in no log, page or result unless they were asked for", async () => {
    const log = recordingLog();
    const result = await compare({ log });
    const all = [JSON.stringify(result), ...log.lines, ...renderText(comparePage(result))].join("\n");
    expect(all).not.toMatch(/secret title|honest|'new'/);
    expect(all).toContain("price");
    const { sample = [] } = await compare({ values: true });
    expect(JSON.stringify(sample.filter(({ kind }) => kind === "changed"))).toContain('"column":"price"');
    expect(JSON.stringify(sample.filter(({ kind }) => kind === "added"))).toMatch(/"value":"500\d"/);
  });

  test("do not leave the command when its output goes into a pipe", () => {
    const run = (...more: string[]) =>
      spawnSync(process.execPath, ["scripts/lifeboat.ts", "compare", before, "--table", "public.exams", ...more], {
        env: { ...env(), RESTORE_PASSPHRASE: "", LIFEBOAT_REASON: "a test" },
        encoding: "utf8",
      });
    for (const silent of [run("--columns", "title"), run("--columns", "title", "--json")]) {
      expect(silent.stdout + silent.stderr).not.toMatch(/secret title/);
      expect(silent.status, silent.stderr).toBe(1);
    }
    expect(run("--columns", "title", "--values").stdout).toMatch(/honest secret title/);
  });
});
