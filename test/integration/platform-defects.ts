/** What a restored copy may be made of, one thing each: its name, the SQL, and what the comparison has to name. */
export type PlatformDefect = readonly [name: string, sql: string, named: string];

/** What the source and its copy have before anything is planted. */
export const ground = `
  create table public.exams (id int primary key, title text not null, secret text);
  alter table public.exams enable row level security;
  create policy read_own on public.exams for select to authenticated using (true);
  create index exams_by_title on public.exams (title);
  create view public.titles as select title from public.exams;
  create function public.score(int) returns int language sql as 'select $1';
  revoke execute on function public.score(int) from public, anon;
  create function public.on_new_user() returns trigger language plpgsql as 'begin return new; end';
  create trigger on_new_user after insert on auth.users for each row execute function public.on_new_user();
  create policy own_files on storage.objects for select to authenticated using (owner_id = auth.uid()::text);
  create function public.watch() returns event_trigger language plpgsql as 'begin end';
  create event trigger watching on ddl_command_start execute function public.watch();
  create extension citext with schema extensions;
  create role teacher nologin;
  grant select on public.exams to teacher;
  create publication exams_out for table public.exams;
  create domain public.grade as int check (value > 0);
  create rule quiet as on update to public.titles do instead nothing;
`;

export const platformDefects: readonly PlatformDefect[] = [
  // Policies, row security and rights on the platform's tables
  [
    "a policy on the files for everybody",
    "create policy leak on storage.objects for select to anon using (true)",
    "policy leak on storage.objects extra",
  ],
  [
    "a policy on the users for everybody",
    "create policy leak on auth.users for select to anon using (true)",
    "policy leak on auth.users extra",
  ],
  [
    "the user's policy, which lets more through",
    "alter policy own_files on storage.objects using (true)",
    "policy own_files on storage.objects definition",
  ],
  [
    "the user's policy under its name, for others",
    "alter policy own_files on storage.objects to anon",
    "policy own_files on storage.objects definition",
  ],
  ["the user's policy gone", "drop policy own_files on storage.objects", "policy own_files on storage.objects missing"],
  [
    "row security off on the files",
    "alter table storage.objects disable row level security",
    "table storage.objects definition",
  ],
  [
    "row security off on the buckets",
    "alter table storage.buckets disable row level security",
    "table storage.buckets definition",
  ],
  ["row security off on the users", "alter table auth.users disable row level security", "table auth.users definition"],
  ["the users to be read by anon", "grant select on auth.users to anon", "table auth.users grants"],
  ["a column of the users to be read by anon", "grant select (email) on auth.users to anon", "table auth.users grants"],
  ["sessions to be read by everybody", "grant select on auth.sessions to public", "table auth.sessions grants"],
  [
    "secrets to be read by authenticated",
    "grant select on vault.decrypted_secrets to authenticated",
    "view vault.decrypted_secrets grants",
  ],
  [
    "the passwords of the pooler's users to be read by anon",
    "grant execute on function pgbouncer.get_auth(text) to anon",
    "function pgbouncer.get_auth(pg_catalog.text) grants",
  ],
  [
    "identities to be written by service_role's like",
    "grant insert on auth.identities to teacher",
    "table auth.identities grants",
  ],
  ["a schema of the platform to be used by anon", "grant usage on schema vault to anon", "schema vault grants"],
  ["a schema of the platform to be written by anon", "grant create on schema auth to anon", "schema auth grants"],
  ["the public schema to be written by anon", "grant create on schema public to anon", "schema public grants"],
  [
    "the database to be written by anon",
    "do $$ begin execute format('grant create on database %I to anon', current_database()); end $$",
    "database current grants",
  ],
  [
    "what is made later to be read by everybody",
    "alter default privileges for role postgres in schema public grant select on tables to public",
    "default acl for role postgres in schema public on tables grants",
  ],
  [
    "what the platform makes later to be read by anon",
    "alter default privileges for role supabase_auth_admin in schema auth grant select on tables to anon",
    "default acl for role supabase_auth_admin in schema auth on tables grants",
  ],
  // Triggers
  [
    "a trigger on the users that calls out",
    "create trigger calls after insert on auth.users for each row execute function public.on_new_user()",
    "trigger calls on auth.users extra",
  ],
  [
    "the user's trigger on the users off",
    "alter table auth.users disable trigger on_new_user",
    "trigger on_new_user on auth.users definition",
  ],
  [
    "the user's trigger on the users gone",
    "drop trigger on_new_user on auth.users",
    "trigger on_new_user on auth.users missing",
  ],
  [
    "the platform's trigger on the files off",
    "alter table storage.objects disable trigger update_objects_updated_at",
    "trigger update_objects_updated_at on storage.objects definition",
  ],
  [
    "the platform's trigger on the files gone",
    "drop trigger update_objects_updated_at on storage.objects",
    "trigger update_objects_updated_at on storage.objects missing",
  ],
  [
    "foreign keys that are not enforced",
    "alter table auth.identities disable trigger all",
    "table constraint identities_user_id_fkey on auth.identities definition",
  ],
  [
    "an event trigger of somebody's",
    "create event trigger more on ddl_command_end execute function public.watch()",
    "event trigger more extra",
  ],
  ["an event trigger off", "alter event trigger watching disable", "event trigger watching definition"],
  [
    "the platform's event trigger off",
    "alter event trigger pgrst_ddl_watch disable",
    "event trigger pgrst_ddl_watch definition",
  ],
  ["the platform's event trigger gone", "drop event trigger pgrst_ddl_watch", "event trigger pgrst_ddl_watch missing"],
  // Functions
  [
    "auth.uid() replaced",
    "create or replace function auth.uid() returns uuid language sql stable as 'select null::uuid'",
    "function auth.uid() definition",
  ],
  [
    "auth.role() replaced",
    "create or replace function auth.role() returns text language sql stable as 'select ''service_role'''",
    "function auth.role() definition",
  ],
  [
    "auth.jwt() replaced",
    "create or replace function auth.jwt() returns jsonb language sql stable as 'select ''{}''::jsonb'",
    "function auth.jwt() definition",
  ],
  [
    "auth.uid() with its owner's rights",
    "alter function auth.uid() security definer",
    "function auth.uid() definition",
  ],
  ["auth.uid() owned by anon", "alter function auth.uid() owner to anon", "function auth.uid() owner"],
  [
    "a function of the storage server replaced",
    "create or replace function storage.foldername(name text) returns text[] language sql as 'select array[name]'",
    "function storage.foldername(pg_catalog.text) definition",
  ],
  [
    "a function of the platform gone",
    "drop function storage.foldername(text)",
    "function storage.foldername(pg_catalog.text) missing",
  ],
  [
    "a function more in auth",
    "create function auth.sudo() returns int language sql as 'select 1'",
    "function auth.sudo() extra",
  ],
  // Tables and what hangs on them
  ["a table more in auth", "create table auth.copy (id int)", "table auth.copy extra"],
  ["a table more in storage", "create table storage.copy (id int)", "table storage.copy extra"],
  ["a view of the users", "create view extensions.leak as select * from auth.users", "view extensions.leak extra"],
  ["a type more in storage", "create type storage.mood as enum ('good')", "type storage.mood extra"],
  ["a sequence more in auth", "create sequence auth.counter", "sequence auth.counter extra"],
  [
    "a rule on the buckets",
    "create rule nothing as on insert to storage.buckets do instead nothing",
    "rule nothing on storage.buckets extra",
  ],
  ["an index more on the users", "create index slow on auth.users (created_at)", "index auth.slow extra"],
  ["an index of the platform gone", "drop index storage.bucketid_objname", "index storage.bucketid_objname missing"],
  [
    "a constraint more on the users",
    "alter table auth.users add constraint more check (id is not null)",
    "table constraint more on auth.users extra",
  ],
  [
    "a foreign key of the platform gone",
    "alter table auth.identities drop constraint identities_user_id_fkey",
    "table constraint identities_user_id_fkey on auth.identities missing",
  ],
  ["a column more of the users", "alter table auth.users add column seen text", "table auth.users definition"],
  [
    "buckets that are public by default",
    "alter table storage.buckets alter column public set default true",
    "table storage.buckets definition",
  ],
  ["the users owned by postgres", "alter table auth.users owner to postgres", "table auth.users owner"],
  [
    "the files owned by authenticated",
    "alter table storage.objects owner to authenticated",
    "table storage.objects owner",
  ],
  ["a schema owned by another", "alter schema auth owner to teacher", "schema auth owner"],
  ["another comment on a platform's table", "comment on table auth.users is 'ours'", "table auth.users comment"],
  [
    "statistics on the users",
    "create statistics auth.more on aud, role from auth.users",
    "statistics object auth.more extra",
  ],
  // Extensions, publications, foreign data
  ["an extension gone", "drop extension citext", "extension citext missing"],
  ["an extension more", "create extension hstore with schema extensions", "extension hstore extra"],
  ["an extension elsewhere", "alter extension citext set schema public", "extension citext definition"],
  [
    "the publication of the users",
    "alter publication supabase_realtime add table auth.users",
    "publication supabase_realtime definition",
  ],
  ["a publication of everything", "create publication leak for all tables", "publication leak extra"],
  ["a publication gone", "drop publication exams_out", "publication exams_out missing"],
  ["a foreign data wrapper more", "create foreign data wrapper fdw", "foreign-data wrapper fdw extra"],
  // Roles and settings
  ["a superuser more", "create role evil superuser", "role evil extra"],
  ["a login more", "create role evil login", "role evil extra"],
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
  ],
  ["a search path of anon", "alter role anon set search_path = evil", "role anon settings"],
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
  ],
];
