import { describe, expect, test } from "vitest";
import { type AppliedMigration, planMigrations, whyRefused } from "../../actions/lib/policy/migrations.ts";
import { readStatements } from "../../actions/lib/postgres/sql-tokens.ts";

const file = (name: string, sql: string) => ({ file: `${name}.sql`, sql });
const noted = (version: string, ...statements: string[]): AppliedMigration => ({ version, name: "x", statements });

/** Kinds of what a plan finds, with the file. */
const told = (history: readonly AppliedMigration[], folder: readonly { file: string; sql: string }[]): string[] =>
  planMigrations(history, folder).findings.map(({ file, severity, what }) => `${severity} ${file}: ${what}`);

/** What one new file with this text is said to do. */
function said(sql: string): string {
  return told([], [file("1_new", sql)]).join("\n");
}

describe("which", () => {
  test("what the history knows is not applied again; the rest is, in the order of the names", () => {
    const plan = planMigrations(
      [noted("10", "create table a ()")],
      [file("30_c", "select 3"), file("10_a", "create table a ();"), file("20_b", "select 2")],
    );
    expect(plan.pending.map(({ version, name }) => [version, name])).toEqual([
      ["20", "b"],
      ["30", "c"],
    ]);
    expect([plan.same, plan.findings]).toEqual([1, []]);
  });

  test("a file that was edited since it was applied is named, and not run", () => {
    const history = [noted("1", "create table a (x int)", "insert into a values (1)")];
    expect(told(history, [file("1_x", "create table a (x int);\n\n-- one row\nINSERT INTO A values (1);\n")])).toEqual(
      [],
    );
    expect(told(history, [file("1_x", "create table a (x int); insert into a values (2);")])).toEqual([
      expect.stringMatching(/^doubt 1_x\.sql: was edited/),
    ]);
    expect(told([noted("1", "select '$$'")], [file("1_x", "select '$ $'")])).toHaveLength(1);
    expect(planMigrations(history, [file("1_x", "drop table a")]).pending).toEqual([]);
  });

  test("the same text counts as the same wherever a CLI has cut it", () => {
    const body = "create function f() returns int begin atomic select 1; select case when true then 2 end; end";
    const history = [noted("1", ...body.split("; ")), noted("2", `${body};\n\nselect ';'`)];
    expect(told(history, [file("1_x", `${body};`), file("2_x", `${body};select ';' ;;`)])).toEqual([]);
  });

  test("a file that is older than the newest one applied is applied and named", () => {
    const plan = planMigrations([noted("20", "select 2")], [file("10_late", "select 1"), file("20_b", "select 2")]);
    expect(plan.pending.map((one) => one.file)).toEqual(["10_late.sql"]);
    expect(plan.findings.map(({ severity }) => severity)).toContain("doubt");
  });

  test.each<[string, readonly AppliedMigration[], readonly { file: string; sql: string }[], RegExp]>([
    ["in the history alone", [noted("1", "select 1")], [], /^doubt 1_x: .* not in the folder/],
    [
      "noted without its text",
      [{ version: "1", name: null, statements: null }],
      [file("1_a", "select 1")],
      /^doubt .*does not say/,
    ],
    ["no migration by its name", [], [file("notes", "select 1")], /^told notes\.sql: is passed over/],
    ["an old CLI's init", [], [file("20200101000000_init", "select 1")], /^told .*passed over/],
    ["empty", [], [file("1_nothing", "-- nothing yet\n;")], /^told .*no statement/],
  ])("one that is %s is named", (_name, history, folder, expected) => {
    expect(told(history, folder)).toEqual([expect.stringMatching(expected)]);
  });

  test("a row of the history is told as a name is, whatever somebody has written there", () => {
    const row = { version: "9".repeat(2_000_000), name: "x: amal@example.org\n::error::", statements: [] };
    const lines = told([row, { ...row, version: "1" }], [file("2_a", "select 1")]);
    expect(lines).toHaveLength(3);
    expect(lines.join("")).not.toMatch(/[@\n]|x: /);
    expect(lines.join("").length).toBeLessThan(700);
  });

  test("two files of one version are refused", () => {
    const plan = planMigrations([], [file("1_a", "select 1"), file("1_b", "select 1"), file("2_c", "select 1")]);
    expect(whyRefused(plan)).toMatch(/1_a\.sql: 2 files have the version 1.*1_b\.sql/);
  });
});

describe("what it does is said before", () => {
  test.each<[string, RegExp]>([
    ["drop table if exists public.a, b cascade", /told 1_new.sql: DROP TABLE public\.a, DROP TABLE b: takes away/],
    [
      `alter table only "A"."b c" add x int, drop column if exists "y", drop z`,
      /DROP COLUMN "A"\."b c"\.y, DROP COLUMN "A"\."b c"\.z: takes/,
    ],
    [
      "alter table t alter column c set data type int using (c::int), alter d type text",
      /ALTER COLUMN t\.c TYPE, ALTER COLUMN t\.d TYPE/,
    ],
    ["truncate table a", /TRUNCATE a: takes away/],
    ["delete from only public.a where true", /DELETE public\.a: writes rows/],
    ["with gone as (delete from a returning *) insert into b select * from gone", /DELETE a, INSERT b: writes rows/],
    ["update a set x = 1", /UPDATE a: writes rows/],
    ["do $$ begin execute 'drop table a'; end $$", /DO: execute: runs code/],
    ["select public.backfill()", /SELECT public\.backfill: runs code/],
    ["select vault.create_secret('sk_live_1', 'amal@example.org')", /: SELECT vault\.create_secret: runs code/],
    ["call run($x$delete from a where b = 'amal@example.org'$x$, 7)", /: CALL run with delete: runs code/],
    [`select "Odd"(1), pg_catalog.set_config('search_path', '', false), count(*)`, /: SELECT "Odd": runs code/],
    ["create unique index concurrently i on a (b)", /without CONCURRENTLY/],
    ["vacuum analyze a", /VACUUM: is left out/],
    ["begin; create table a (); commit", /BEGIN, COMMIT: is left out/],
    ["alter table a detach partition b concurrently", /on its own/],
    ["alter table a detach partition b concurrently; select 1", /refused.*stand alone/],
    ["create table a (); rollback", /refused.*ROLLBACK/],
    ["copy a from stdin", /refused.*stdin/],
    ["\\connect other", /refused.*psql/],
    ["select 'never ends", /refused.*does not end/],
    ["select 1 /* /* */", /refused.*does not end/],
  ])("%s", (sql, expected) => {
    expect(said(sql)).toMatch(expected);
  });

  test.each([
    "comment on table a is 'drop table a; update a set b = 1'",
    '-- drop table a\ncreate table b ("delete" int, update_at int)',
    "create function f() returns void language sql as $x$ delete from a; $x$",
    "alter table a drop constraint b, alter c drop default, alter c drop not null",
    "select * from a for update",
    "create policy p on a for update using (true)",
    "drop policy p on a; drop function f(); drop view v; drop index i",
    "insert_nothing",
  ])("and nothing is said of: %s", (sql) => {
    expect(said(sql)).toBe("");
  });

  test("CONCURRENTLY alone is taken out, wherever it stands", () => {
    const sql =
      '-- create index concurrently\n /* concurrently */ create index CONCURRENTLY "concurrently" on a (b); select 1';
    expect(planMigrations([], [file("1_x", sql)]).pending[0]?.runs.map((run) => run.sql)).toEqual([
      '-- create index concurrently\n /* concurrently */ create index  "concurrently" on a (b)',
      "select 1",
    ]);
  });
});

describe("statements", () => {
  test.each<[string, string[]]>([
    ["select 1; select 2", ["select 1", "select 2"]],
    [
      "select ';'; select $a$;$a$ -- ;\n; /* ; /* ; */ ; */",
      ["select ';'", "select $a$;$a$ -- ;", "/* ; /* ; */ ; */"],
    ],
    [
      "create rule r as on insert to a do (select 1; select 2); x",
      ["create rule r as on insert to a do (select 1; select 2)", "x"],
    ],
    ["select E'\\';'; select '\\'; y", ["select E'\\';'", "select '\\'", "y"]],
    [
      "create or replace function f() begin atomic select 1; end; z",
      ["create or replace function f() begin atomic select 1; end", "z"],
    ],
    ["begin; select 1; end; commit", ["begin", "select 1", "end", "commit"]],
  ])("%s", (sql, expected) => {
    expect(readStatements(sql).statements.map(({ text }) => text)).toEqual(expected);
  });

  test("a string of megabytes is one", () => {
    const sql = `insert into a values ('${"x".repeat(20e6)}'); select 1`;
    expect(readStatements(sql).statements.map(({ text }) => text.length)).toEqual([sql.length - 10, 8]);
  });
});
