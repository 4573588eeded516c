import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { bringUpToDate, type Migrations } from "../../actions/lib/operations/migrate/bring-up-to-date.ts";
import { migrate } from "../../actions/lib/operations/migrate/migrate.ts";
import { restorationPage } from "../../actions/lib/operations/restore/page.ts";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { compareDatabases, createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { restoreInto } from "./restore-lab.ts";

const base = `
  create table public.exams (id int primary key, title text, score text);
  insert into public.exams values (1, 'first', '10'), (2, 'second', '20');
  create schema supabase_migrations;
  create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text);
  insert into supabase_migrations.schema_migrations values
    ('20260101000000', array['create table public.exams (id int primary key, title text, score text)', E'insert into public.exams values (1, ''first'', ''10''), (2, ''second'', ''20'')'], 'exams');`;
const exams = {
  "20260101000000_exams.sql":
    "create table public.exams (id int primary key, title text, score text);\ninsert into public.exams values (1, 'first', '10'), (2, 'second', '20');\n",
};
const since = {
  "20260201000000_scores.sql":
    "-- narrower\nalter table public.exams alter column score type int using score::int;\nupdate public.exams set score = score * 2;\n",
  "20260202000000_index.sql": "create index concurrently exams_title on public.exams (title);",
};

const superuser = () => sharedPostgres(17).superuserUrl();
const made: string[] = [];
const folders: string[] = [];
let lab: BackupLab;

async function project(sql = ""): Promise<LabProject> {
  const name = `migrate_${process.pid}_${made.length}`;
  made.push(name);
  const one = await createProject(superuser(), name);
  if (sql !== "") await execute(one.postgresUrl, sql);
  return one;
}

async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "lifeboat-migrate-"));
  folders.push(path);
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return path;
}

const bring = (one: LabProject, migrations: Migrations, env: Record<string, string> = {}) =>
  bringUpToDate(migrations, {
    connect: () => connect(parseConnectionUrl(one.postgresUrl), { applicationName: "lifeboat/test" }),
    databaseUrl: one.postgresUrl,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    log: silentLog,
  });

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
});
afterAll(async () => {
  for (const name of made) await dropProject(superuser(), name);
  for (const path of folders) await rm(path, { recursive: true });
  await lab[Symbol.asyncDispose]();
});

describe("a set that is restored with migrations", () => {
  test("is brought up to what the source has become since, and says what it ran", async () => {
    const source = await project(base);
    await backUp(lab, source.backupUrl);
    const dir = await folder({ ...exams, ...since });
    for (const [file, sql] of Object.entries(since)) {
      await execute(source.postgresUrl, sql);
      const [version = "", name = ""] = file.replace(".sql", "").split("_");
      await execute(
        source.postgresUrl,
        `insert into supabase_migrations.schema_migrations (version, name) values ('${version}', '${name}')`,
      );
    }
    const target = await project();
    const migrations: Migrations = { source: { folder: dir }, own: [] };
    const dry = await restoreInto(lab, target.postgresUrl, { migrations, dryRun: true });
    expect(dry.migrations?.applied.map(({ file }) => file)).toEqual(Object.keys(since));
    const result = await restoreInto(lab, target.postgresUrl, { migrations });
    expect([result.outcome, result.migrations?.outcome, result.migrations?.same]).toEqual(["equal", "current", 1]);
    const unlike = await compareDatabases(source.superuserUrl, target.superuserUrl);
    expect(
      unlike.filter((line) => /exams|migrations/.test(line) && !line.startsWith("rows supabase_migrations")),
    ).toEqual([]);
    const page = renderText(restorationPage(result)).join("\n");
    for (const told of [
      "ALTER COLUMN public.exams.score TYPE",
      "UPDATE public.exams",
      "CREATE INDEX CONCURRENTLY",
      "the schema is current",
    ]) {
      expect(page).toContain(told);
    }
  });

  test("is not begun when a file refuses, and is named", async () => {
    const target = await project();
    const dir = await folder({ ...exams, "20260301000000_odd.sql": "create table public.a (); rollback" });
    const migrations: Migrations = { source: { folder: dir }, own: [] };
    await expect(restoreInto(lab, target.postgresUrl, { migrations })).rejects.toMatchObject({
      ...{ code: "migrations-refused", exitCode: 2, message: expect.stringContaining("20260301000000_odd.sql") },
    });
    const found = await withClient(target.superuserUrl, (client) =>
      client.query("select to_regclass('public.exams') as table"),
    );
    expect(found.rows).toEqual([{ table: null }]);
  });
});

describe("a restored database", () => {
  test("keeps nothing of a file that fails; the file and the object are named, no row is; corrected, it goes on", async () => {
    const one = await project(base);
    const dir = await folder({
      ...exams,
      "20260201000000_ok.sql": "create table public.one (a int)",
      "20260202000000_bad.sql":
        "create table public.two (a int); create unique index u on public.exams ((1)); select 1",
    });
    const error = await bring(one, { source: { folder: dir }, own: [] }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "migration-failed",
      message: expect.stringMatching(/20260202000000_bad\.sql refuses at statement 2 of 3 .*23505/),
    });
    expect(JSON.stringify(error)).not.toContain("second");
    const there = () =>
      withClient(one.superuserUrl, async (client) => {
        const answer = await client.query(
          "select to_regclass('public.one') is not null as one, to_regclass('public.two') is not null as two, (select count(*)::int from supabase_migrations.schema_migrations) as noted",
        );
        return answer.rows[0];
      });
    expect(await there()).toEqual({ one: true, two: false, noted: 2 });
    await writeFile(join(dir, "20260202000000_bad.sql"), "create table public.two (a int)");
    const again = await bring(one, { source: { folder: dir }, own: [] });
    expect(again.applied.map(({ file }) => file)).toEqual(["20260202000000_bad.sql"]);
    expect(await there()).toEqual({ one: true, two: true, noted: 3 });
  });

  test("waits four seconds for a lock, not for ever, and settings of one file do not reach the next", async () => {
    const one = await project(base);
    const dir = await folder({
      ...exams,
      "20260201000000_path.sql": "select set_config('search_path', '', false); set lock_timeout = 0;",
      "20260202000000_unqualified.sql": "create table unqualified (a int)",
      "20260203000000_lock.sql": "alter table public.exams add column x int",
    });
    await withClient(one.postgresUrl, async (holder) => {
      await holder.query("begin; lock table public.exams in access exclusive mode");
      await expect(bring(one, { source: { folder: dir }, own: [] })).rejects.toMatchObject({
        message: expect.stringMatching(/20260203000000_lock\.sql.*55P03/),
      });
    });
  });

  test("that reads strings otherwise by a setting of its own runs what the plan has read", async () => {
    const one = await project(base);
    await execute(one.superuserUrl, `alter database ${one.name} set standard_conforming_strings = off`);
    const sql =
      "insert into public.exams values (7, '\\', '; drop table public.exams; --'); create table public.seen (a int)";
    const dir = await folder({ ...exams, "20260201000000_strings.sql": sql });
    const result = await bring(one, { source: { folder: dir }, own: [] });
    expect(result.applied).toEqual([{ file: "20260201000000_strings.sql", version: "20260201000000", statements: 2 }]);
    const found = await withClient(one.superuserUrl, (client) =>
      client.query("select title from public.exams where id = 7"),
    );
    expect(found.rows).toEqual([{ title: "\\" }]);
  });

  test.each([
    "set standard_conforming_strings = off",
    "select set_config('standard_conforming_strings', 'off', true)",
    "set names 'SJIS'",
  ])("that changes how the rest of it is read (%s) is refused before that runs", async (setting) => {
    const one = await project(base);
    const sql = `${setting}; select '\\' || '; truncate public.exams; --'`;
    const dir = await folder({ ...exams, "20260201000000_strings.sql": sql });
    await expect(bring(one, { source: { folder: dir }, own: [] })).rejects.toMatchObject({
      code: "migration-failed",
      message: expect.stringMatching(/20260201000000_strings\.sql changes how text is read, at statement 1 of 2/),
    });
    const left = await withClient(one.postgresUrl, (client) => client.query("select from public.exams"));
    expect(left.rowCount).toBe(2);
  });

  test("of one that another run works on nothing is applied", async () => {
    const one = await project(base);
    const dir = await folder({ ...exams, ...since });
    await withClient(one.postgresUrl, async (other) => {
      await other.query("select pg_advisory_lock(1730926401)");
      await expect(bring(one, { source: { folder: dir }, own: [] })).rejects.toMatchObject({
        code: "migrations-at-once",
      });
    });
  });

  test("whose history is a view is refused before that runs anybody's code", async () => {
    const one = await project(`create schema supabase_migrations;
      create function public.trap() returns text language plpgsql as $$ begin raise exception 'run'; end $$;
      create view supabase_migrations.schema_migrations as select public.trap() as version`);
    const dir = await folder(exams);
    await expect(bring(one, { source: { folder: dir }, own: [] })).rejects.toMatchObject({
      code: "migrations-history",
    });
    const own = { table: "supabase_migrations.schema_migrations", argv: ["true"], env: [], timeoutSeconds: 9 };
    await expect(bring(one, { source: null, own: [own] })).rejects.toMatchObject({
      code: "own-migrations-failed",
      message: expect.stringMatching(/is no table/),
    });
  });

  test("gets the application's own migrations by its program, whose output is kept nowhere", async () => {
    const one = await project("create table public.migrations (id serial primary key, name text)");
    const script = `const { Client } = require(${JSON.stringify(join(process.cwd(), "node_modules/pg"))});
      const c = new Client(process.env.DATABASE_URL); console.log(process.env.SECRET ?? 'no secret');
      c.connect().then(() => c.query("insert into public.migrations (name) values ('0001_init'), ('a person''s note')")).then(() => c.end());`;
    const own = { table: "public.migrations", argv: [process.execPath, "-e", script], env: [], timeoutSeconds: 60 };
    const result = await bring(one, { source: null, own: [own] });
    expect(result.own).toEqual([
      { table: "public.migrations", program: process.execPath, before: 0, after: 2, added: ["0001_init"] },
    ]);
    const failing = { ...own, argv: [process.execPath, "-e", "process.exit(3)"] };
    await expect(bring(one, { source: null, own: [failing] })).rejects.toMatchObject({
      code: "own-migrations-failed",
      message: expect.stringContaining("exit code 3"),
    });
  });

  test("by command: production is refused, and so is a restore that has not ended", async () => {
    const one = await project(base);
    const dir = await folder({ ...exams, ...since });
    const run = async (env: Record<string, string>, dryRun = false) => {
      const config = await loadConfig({
        ...{
          needs: ["target"] as const,
          env: { ...lab.env(one.backupUrl), TARGET_DATABASE_URL: one.postgresUrl, ...env },
        },
      });
      return migrate({
        config,
        asked: { asked: dir },
        production: undefined,
        dryRun,
        log: silentLog,
        signal: new AbortController().signal,
      });
    };
    await expect(run({})).rejects.toMatchObject({ code: "target-is-production" });
    const other = await project();
    const elsewhere = { DATABASE_URL: other.backupUrl };
    expect((await run(elsewhere, true)).outcome).toBe("dry-run");
    await execute(one.postgresUrl, "create schema lifeboat_restore");
    await expect(run(elsewhere)).rejects.toMatchObject({ code: "restore-unfinished" });
    await execute(one.postgresUrl, "drop schema lifeboat_restore");
    expect((await run(elsewhere)).applied).toHaveLength(2);
    expect((await run(elsewhere)).applied).toHaveLength(0);
  });
});
