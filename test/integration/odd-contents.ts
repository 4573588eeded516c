/** What no new project has: its name, the SQL that makes it, and how it is named. What a copy may not have either stands among the defects. */
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
    "a cast",
    "create type public.pair as (a int); create cast (public.pair as text) with inout",
    "cast (public.pair AS pg_catalog.text)",
  ],
  ["a foreign server", "create foreign data wrapper w; create server s foreign data wrapper w", "server s"],
  [
    "a user mapping",
    "create foreign data wrapper w; create server s foreign data wrapper w; create user mapping for postgres server s",
    "user mapping postgres on server s",
  ],
  ["a large object", "select lo_create(4711)", "large object 4711"],
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
    "a trigger on the users",
    `${trigger}; create trigger t after insert on auth.users for each row execute function public.f()`,
    "trigger t on auth.users",
  ],
  ["a table in extensions", "create table extensions.t (id int)", "table extensions.t"],
  [
    "a table in a schema of an extension's",
    "create schema if not exists pgmq; create table pgmq.q_jobs (msg_id int)",
    "table pgmq.q_jobs",
  ],
  [
    "default privileges of somebody's",
    "create role somebody; alter default privileges for role somebody in schema public grant select on tables to public",
    "default acl for role somebody in schema public on tables",
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
];
