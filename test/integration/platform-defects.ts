/**
 * What a restored copy may be made of, one thing each: its name, the SQL, what the comparison has to name, and, where a new
 * project can be given it as well, how it is named to somebody who would restore into that.
 */
export type PlatformDefect = readonly [name: string, sql: string, named: string, atTheGate?: string];

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
  create foreign data wrapper far;
  create server elsewhere foreign data wrapper far;
  select lo_create(4711);
  create rule quiet as on update to public.titles do instead nothing;
`;

export const platformDefects: readonly PlatformDefect[] = [
  // Policies, row security and rights on the platform's tables
  [
    "a policy on the files for everybody",
    "create policy leak on storage.objects for select to anon using (true)",
    "policy leak on storage.objects extra",
    "policy leak on storage.objects",
  ],
  [
    "a policy on the users for everybody",
    "create policy leak on auth.users for select to anon using (true)",
    "policy leak on auth.users extra",
    "policy leak on auth.users",
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
    "table storage.objects, which a new project has otherwise",
  ],
  [
    "row security off on the buckets",
    "alter table storage.buckets disable row level security",
    "table storage.buckets definition",
  ],
  ["row security off on the users", "alter table auth.users disable row level security", "table auth.users definition"],
  [
    "the users to be read by anon",
    "grant select on auth.users to anon",
    "table auth.users grants",
    "SELECT to anon on table auth.users",
  ],
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
    "SELECT to PUBLIC on default acl for role postgres in schema public on tables",
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
    "function auth.uid(), which a new project has otherwise",
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
    "function auth.sudo()",
  ],
  // Tables and what hangs on them
  ["a table more in auth", "create table auth.copy (id int)", "table auth.copy extra", "table auth.copy"],
  ["a table more in storage", "create table storage.copy (id int)", "table storage.copy extra", "table storage.copy"],
  [
    "a view of the users",
    "create view extensions.leak as select * from auth.users",
    "view extensions.leak extra",
    "view extensions.leak",
  ],
  [
    "a type more in storage",
    "create type storage.mood as enum ('good')",
    "type storage.mood extra",
    "type storage.mood",
  ],
  ["a sequence more in auth", "create sequence auth.counter", "sequence auth.counter extra", "sequence auth.counter"],
  [
    "a rule on the buckets",
    "create rule nothing as on insert to storage.buckets do instead nothing",
    "rule nothing on storage.buckets extra",
    "rule nothing on storage.buckets",
  ],
  [
    "an index more on the users",
    "create index slow on auth.users (created_at)",
    "index auth.slow extra",
    "index auth.slow",
  ],
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
];
