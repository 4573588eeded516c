import { afterAll, beforeAll, expect, test } from "vitest";
import { execute, urlFor, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { restoreInto, told } from "./restore-lab.ts";

/** What a hostile role of the source makes PostgreSQL run as whoever loads its rows. */
const seed = `
  create role app; create database source;`;
const contents = `
  create schema app authorization app;
  set role app;
  create function app.try(t text) returns text language plpgsql as $$ begin
    begin alter role app superuser; exception when others then null; end;
    begin alter role app replication; exception when others then null; end;
    return t; end $$;
  create function app.id(t text) returns text language sql immutable as $$ select app.try(t) $$;
  create table app.notes (id int primary key, note text check (app.id(note) <> ''), twin text generated always as (app.id(note)) stored);
  insert into app.notes values (1, 'a');
  create index notes_note on app.notes (app.id(note));`;

let lab: BackupLab;
let from: RunningPostgres;
let to: RunningPostgres;

beforeAll(async () => {
  [lab, from, to] = await Promise.all([openBackupLab(sharedS3()), startPostgres(17), startPostgres(17)]);
  for (const sql of seed.split(";").slice(0, 2)) await execute(from.superuserUrl(), sql);
  await execute(from.superuserUrl("source"), contents);
  await execute(from.superuserUrl(), "alter role app nosuperuser noreplication");
  await backUp(lab, from.superuserUrl("source"), { tier: "weekly" });
});
afterAll(async () => {
  await Promise.all([from.stop(), to.stop()]);
  await lab[Symbol.asyncDispose]();
});

test("a role that is no superuser restores into plain PostgreSQL, and nobody becomes more by it", async () => {
  await execute(to.superuserUrl(), "create role keeper login createrole password 'kept'");
  await execute(to.superuserUrl(), "create database restored owner keeper");
  await execute(to.superuserUrl(), "grant set on parameter session_replication_role to keeper");
  const url = urlFor(to.superuserUrl("restored"), { user: "keeper", password: "kept" });
  const dry = await restoreInto(lab, url, { dryRun: true });
  expect(dry.byHand.join()).toMatch(/Runs as keeper .*app\.id\(pg_catalog\.text\) of app/);
  const result = await restoreInto(lab, url);
  expect(told(result, "failed")).toEqual([]);
  expect(result.outcome).toBe("equal");
  const { rows } = await withClient(to.superuserUrl(), (client) =>
    client.query("select rolsuper, rolreplication from pg_roles where rolname = 'app'"),
  );
  expect(rows).toEqual([{ rolsuper: false, rolreplication: false }]);
});

test("whoever restores as a superuser is told before what that means", async () => {
  await execute(to.superuserUrl(), "create database other");
  const dry = await restoreInto(lab, to.superuserUrl("other"), { dryRun: true });
  expect(dry.byHand.join()).toMatch(/is a superuser: .*app\.id\(pg_catalog\.text\) of app.*restore-without-superuser/);
});
