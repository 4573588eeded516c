import type { PlatformDefect } from "./platform-defects.ts";

/** What may be wrong beside the platform's own objects: extensions, roles, settings, and what is the user's. */
export const projectDefects: readonly PlatformDefect[] = [
  // Extensions, publications, foreign data
  ["an extension gone", "drop extension citext", "extension citext missing"],
  ["an extension more", "create extension hstore with schema extensions", "extension hstore extra"],
  ["an extension elsewhere", "alter extension citext set schema public", "extension citext definition"],
  [
    "the publication of the users",
    "alter publication supabase_realtime add table auth.users",
    "publication supabase_realtime definition",
  ],
  [
    "a publication of everything",
    "create publication leak for all tables",
    "publication leak extra",
    "publication leak",
  ],
  ["a publication gone", "drop publication exams_out", "publication exams_out missing"],
  [
    "a foreign data wrapper more",
    "create foreign data wrapper fdw",
    "foreign-data wrapper fdw extra",
    "foreign-data wrapper fdw",
  ],
  // Roles and settings
  ["a superuser more", "create role evil superuser", "role evil extra", "role evil"],
  ["a login more", "create role evil login", "role evil extra", "role evil"],
  ["a login under a platform's name", "create role supabase_evil login", "role supabase_evil extra"],
  ["a role more that no policy holds", "create role evil bypassrls", "role evil extra"],
  ["anon above all policies", "alter role anon bypassrls", "role anon definition"],
  ["anon that may log in", "alter role anon login", "role anon definition"],
  ["authenticator as superuser", "alter role authenticator superuser", "role authenticator definition"],
  ["authenticated that may make roles", "alter role authenticated createrole", "role authenticated definition"],
  ["the user's role that may log in", "alter role teacher login", "role teacher definition"],
  ["anon as service_role", "grant service_role to anon", "membership service_role to anon membership"],
  ["anon as the auth server", "grant supabase_auth_admin to anon", "membership supabase_auth_admin to anon membership"],
  [
    "postgres as the auth server",
    "grant supabase_auth_admin to postgres",
    "membership supabase_auth_admin to postgres membership",
  ],
  ["anon that reads everything", "grant pg_read_all_data to anon", "membership pg_read_all_data to anon membership"],
  ["the user's role for anon", "grant teacher to anon", "membership teacher to anon membership"],
  [
    "a search path of the database",
    "do $$ begin execute format('alter database %I set search_path = evil', current_database()); end $$",
    "database current settings",
    "setting search_path of the database",
  ],
  [
    "a search path of anon",
    "alter role anon set search_path = evil",
    "role anon settings",
    "setting search_path of role anon",
  ],
  [
    "authenticated that becomes service_role",
    "alter role authenticated set role = 'service_role'",
    "role authenticated settings",
  ],
  [
    "another schema for the API",
    "alter role authenticator set pgrst.db_schemas = 'auth'",
    "role authenticator settings",
  ],
  ["anon without its time limit", "alter role anon reset statement_timeout", "role anon settings"],
  // The user's own
  [
    "a function that was taken from all, given again",
    "grant execute on function public.score(int) to anon",
    "function public.score(integer) grants",
  ],
  [
    "a table of the user's open",
    "alter table public.exams disable row level security",
    "table public.exams definition",
  ],
  ["a policy of the user's gone", "drop policy read_own on public.exams", "policy read_own on public.exams missing"],
  ["a right of the user's role gone", "revoke select on public.exams from teacher", "table public.exams grants"],
  ["an index of the user's gone", "drop index public.exams_by_title", "index public.exams_by_title missing"],
  [
    "a check of a domain gone",
    "alter domain public.grade drop constraint grade_check",
    "domain constraint grade_check on public.grade missing",
  ],
  [
    "a view of the user's with its owner's rights",
    "alter view public.titles set (security_invoker = true)",
    "view public.titles definition",
  ],
  ["a rule of the user's gone", "drop rule quiet on public.titles", "rule quiet on public.titles missing"],
  ["a default gone", "alter table public.exams alter column title drop not null", "table public.exams definition"],
  [
    "a cast that nobody asked for",
    "create cast (public.grade as text) with inout as implicit",
    "cast (public.grade AS pg_catalog.text) extra",
  ],
  [
    "an operator that nobody asked for",
    "create operator public.=== (leftarg = int, rightarg = int, function = int4eq)",
    "operator public.===(integer,integer) extra",
    "operator public.===(integer,integer)",
  ],
];
