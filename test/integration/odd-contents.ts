/** What no new project has: its name, the SQL that makes it, and how it is named. */
export type OddContent = readonly [name: string, sql: string, named: string];

const watch = "create function public.f() returns event_trigger language plpgsql as 'begin end'";
const trigger = "create function public.f() returns trigger language plpgsql as 'begin return new; end'";

export const oddContents: readonly OddContent[] = [
  ["a table", "create table public.t (id int primary key)", "table public.t"],
  ["a partitioned table", "create table public.p (id int) partition by range (id)", "table public.p"],
  ["a view", "create view public.v as select 1 as n", "view public.v"],
  ["a materialised view", "create materialized view public.m as select 1 as n", "materialized view public.m"],
  ["a sequence", "create sequence public.s", "sequence public.s"],
  ["a function", "create function public.f() returns int language sql as 'select 1'", "function public.f()"],
  ["a procedure", "create procedure public.p() language sql as 'select 1'", "procedure public.p()"],
  ["an aggregate", "create aggregate public.a(int) (sfunc = int4pl, stype = int)", "aggregate public.a(integer)"],
  ["an enum", "create type public.mood as enum ('good')", "type public.mood"],
  ["a composite type", "create type public.pair as (a int, b int)", "type public.pair"],
  ["a domain", "create domain public.d as int", "type public.d"],
  ["a range", "create type public.r as range (subtype = float8)", "type public.r"],
  ["a schema", "create schema theirs", "schema theirs"],
  ["a collation", "create collation public.c (provider = libc, locale = 'C')", "collation public.c"],
  [
    "a text search configuration",
    "create text search configuration public.c (copy = simple)",
    "text search configuration public.c",
  ],
  [
    "an operator",
    "create operator public.=== (leftarg = int, rightarg = int, function = int4eq)",
    "operator public.===(integer,integer)",
  ],
  [
    "a cast",
    "create type public.pair as (a int); create cast (public.pair as text) with inout",
    "cast (public.pair AS pg_catalog.text)",
  ],
  ["a foreign data wrapper", "create foreign data wrapper w", "foreign-data wrapper w"],
  ["a foreign server", "create foreign data wrapper w; create server s foreign data wrapper w", "server s"],
  [
    "a user mapping",
    "create foreign data wrapper w; create server s foreign data wrapper w; create user mapping for postgres server s",
    "user mapping postgres on server s",
  ],
  ["a large object", "select lo_create(4711)", "large object 4711"],
  ["a publication", "create publication leak for all tables", "publication leak"],
  [
    "an event trigger",
    `${watch}; create event trigger e on ddl_command_end execute function public.f()`,
    "event trigger e",
  ],
  [
    "a subscription",
    "create subscription sub connection 'dbname=nobody' publication p with (connect = false, slot_name = none)",
    "subscription sub",
  ],
  [
    "a policy on the files",
    "create policy p on storage.objects for select to anon using (true)",
    "policy p on storage.objects",
  ],
  ["a policy on the users", "create policy p on auth.users for select using (true)", "policy p on auth.users"],
  [
    "a trigger on the users",
    `${trigger}; create trigger t after insert on auth.users for each row execute function public.f()`,
    "trigger t on auth.users",
  ],
  [
    "a rule on the buckets",
    "create rule r as on insert to storage.buckets do also nothing",
    "rule r on storage.buckets",
  ],
  ["an index on the users", "create index i on auth.users (created_at)", "index auth.i"],
  ["a table in auth", "create table auth.t (id int)", "table auth.t"],
  ["a table in storage", "create table storage.t (id int)", "table storage.t"],
  ["a table in extensions", "create table extensions.t (id int)", "table extensions.t"],
  [
    "a table in a schema of an extension's",
    "create schema if not exists pgmq; create table pgmq.q_jobs (msg_id int)",
    "table pgmq.q_jobs",
  ],
  ["a function in auth", "create function auth.f() returns int language sql as 'select 1'", "function auth.f()"],
  [
    "default privileges of somebody's",
    "create role somebody; alter default privileges for role somebody in schema public grant select on tables to public",
    "default acl for role somebody in schema public on tables",
  ],
  [
    "more default privileges of postgres",
    "alter default privileges for role postgres in schema public grant select on tables to public",
    "SELECT to PUBLIC on default acl for role postgres in schema public on tables",
  ],
  ["the users open to anon", "grant select on auth.users to anon", "SELECT to anon on table auth.users"],
  [
    "row security off on the files",
    "alter table storage.objects disable row level security",
    "table storage.objects, which a new project has otherwise",
  ],
  [
    "another auth.uid()",
    "create or replace function auth.uid() returns uuid language sql as 'select null::uuid'",
    "function auth.uid(), which a new project has otherwise",
  ],
  ["a user", "insert into auth.users (id) values (gen_random_uuid())", "rows in auth.users"],
  [
    "an entry of the audit",
    "insert into auth.audit_log_entries (id) values (gen_random_uuid())",
    "rows in auth.audit_log_entries",
  ],
  ["a bucket", "insert into storage.buckets (id, name) values ('b', 'b')", "rows in storage.buckets"],
  ["a secret", "select vault.create_secret('x', 'x')", "rows in vault.secrets"],
  ["a cron job", "select cron.schedule('x', '* * * * *', 'select 1')", "rows in cron.job"],
  [
    "a call that waits to go out",
    "insert into net.http_request_queue (method, url, timeout_milliseconds) values ('GET', 'http://127.0.0.1:1/', 5)",
    "rows in net.http_request_queue",
  ],
  ["a login", "create role somebody login", "role somebody"],
  ["a superuser", "create role somebody superuser", "role somebody"],
  ["a setting of anon", "alter role anon set search_path = theirs", "setting search_path of role anon"],
  [
    "a setting of the database",
    "do $$ begin execute format('alter database %I set search_path = theirs', current_database()); end $$",
    "setting search_path of the database",
  ],
];
