import type { LiveProject, StagingRow } from "./staging-scene.ts";

const row = (
  left: StagingRow["left"],
  kind: string,
  inject: (live: LiveProject) => Promise<void>,
  undo?: string,
  code = /^staging-in-use$/,
): StagingRow => ({
  ...{ left, kind, inject, code, holder: "knows staging", ...(undo !== undefined && { undo }) },
  ...{ stage: `test-restore, staging ${left}`, outcome: "refused, target untouched" },
});

const someone = "00000000-0000-4000-8000-00000000000a";
const signUp = `insert into auth.users (instance_id, id, aud, role, email, created_at)
  values ('00000000-0000-0000-0000-000000000000', '${someone}', 'authenticated', 'authenticated', 'someone@example.org', now())`;
const forget = `delete from auth.users where id = '${someone}'`;
const quietly = "set session_replication_role = replica; set storage.allow_delete_query = 'true';";

/** What shows that a project went live although it bears the marker. */
export const stagingRows: readonly StagingRow[] = [
  row("empty", "tables of an application", ({ sql }) => sql("create table live (n int)"), "drop table live"),
  row("empty", "a function", ({ sql }) => sql("create function live() returns int return 1"), "drop function live()"),
  row("empty", "a person signs up", ({ platform }) => platform(signUp), forget),
  row(
    "empty",
    "a bucket",
    ({ sql }) => sql("insert into storage.buckets (id, name) values ('live', 'live')"),
    `${quietly} delete from storage.buckets where id = 'live'`,
  ),
  row(
    "empty",
    "a policy on a table of the platform's",
    ({ sql }) => sql("create policy live on storage.objects for select using (true)"),
    "drop policy live on storage.objects",
  ),
  row(
    "empty",
    "a right that no test leaves",
    ({ sql }) => sql("grant create on schema public to anon"),
    "revoke create on schema public from anon",
  ),
  row("kept", "a row is changed", ({ sql }) =>
    sql("update public.classes set id = id where id = (select min(id) from public.classes)"),
  ),
  row("kept", "a row is deleted", ({ sql }) =>
    sql(
      "delete from public.no_rows; delete from public.duplicates where ctid = (select min(ctid) from public.duplicates)",
    ),
  ),
  row("kept", "a number is drawn", ({ sql }) =>
    sql("select nextval(c.oid) from pg_class c where relkind = 'S' and relnamespace = 'public'::regnamespace"),
  ),
  row("kept", "a person signs in", ({ platform }) =>
    platform(
      "update auth.users set last_sign_in_at = now() + interval '1 second' where id = (select id from auth.users order by id limit 1)",
    ),
  ),
  row(
    "kept",
    "a column is added",
    ({ sql }) => sql("alter table public.duplicates add live int"),
    "alter table public.duplicates drop live",
  ),
  row("testing", "a person signs in", ({ platform }) =>
    platform(
      "update auth.users set last_sign_in_at = now() + interval '1 second' where id = (select id from auth.users order by id limit 1)",
    ),
  ),
  row(
    "testing",
    "a table of an application",
    ({ sql }) => sql("create table live (n int)"),
    "drop table if exists live",
  ),
  row("empty", "an ordinary restore", ({ restore }) => restore(), undefined, /^staging-unmarked$/),
];
