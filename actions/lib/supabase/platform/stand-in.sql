-- What migrations of a Supabase project lean on, on plain PostgreSQL: names, columns and signatures, and no more behaviour than a
-- migration can ask for. For trying migrations out on a server that is thrown away; nothing is restored into it.
do $roles$
declare
  wanted text;
begin
  foreach wanted in array array[
    'anon', 'authenticated', 'service_role', 'authenticator', 'dashboard_user', 'postgres', 'supabase_admin',
    'supabase_auth_admin', 'supabase_storage_admin', 'supabase_realtime_admin', 'supabase_functions_admin',
    'supabase_read_only_user'
  ]
  loop
    if not exists (select from pg_roles where rolname = wanted) then
      execute format('create role %I nologin', wanted);
    end if;
  end loop;
end
$roles$;

create schema extensions;
create extension if not exists pgcrypto with schema extensions;
do $uuid$
begin
  if exists (select from pg_available_extensions where name = 'uuid-ossp') then
    create extension if not exists "uuid-ossp" with schema extensions;
  end if;
end
$uuid$;

create schema auth;
create table auth.users (
  instance_id uuid, id uuid primary key, aud varchar(255), role varchar(255), email varchar(255),
  encrypted_password varchar(255), email_confirmed_at timestamptz, invited_at timestamptz, last_sign_in_at timestamptz,
  raw_app_meta_data jsonb, raw_user_meta_data jsonb, is_super_admin boolean, created_at timestamptz,
  updated_at timestamptz, phone text unique, phone_confirmed_at timestamptz, confirmed_at timestamptz,
  banned_until timestamptz, is_sso_user boolean not null default false, deleted_at timestamptz,
  is_anonymous boolean not null default false
);
create table auth.identities (
  provider_id text, user_id uuid references auth.users (id) on delete cascade, identity_data jsonb, provider text,
  last_sign_in_at timestamptz, created_at timestamptz, updated_at timestamptz, email text,
  id uuid primary key default gen_random_uuid()
);
create table auth.sessions (
  id uuid primary key, user_id uuid references auth.users (id) on delete cascade, created_at timestamptz,
  updated_at timestamptz, not_after timestamptz, user_agent text, ip inet
);
create function auth.jwt() returns jsonb language sql stable
  return coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb;
create function auth.uid() returns uuid language sql stable return (auth.jwt() ->> 'sub')::uuid;
create function auth.role() returns text language sql stable return auth.jwt() ->> 'role';
create function auth.email() returns text language sql stable return auth.jwt() ->> 'email';

create schema storage;
create table storage.buckets (
  id text primary key, name text not null unique, owner uuid, owner_id text, public boolean default false,
  avif_autodetection boolean default false, file_size_limit bigint, allowed_mime_types text[],
  created_at timestamptz default now(), updated_at timestamptz default now()
);
create table storage.objects (
  id uuid primary key default gen_random_uuid(), bucket_id text references storage.buckets (id), name text, owner uuid,
  owner_id text, metadata jsonb, user_metadata jsonb, version text,
  path_tokens text[] generated always as (string_to_array(name, '/')) stored,
  created_at timestamptz default now(), updated_at timestamptz default now(), last_accessed_at timestamptz default now()
);
create function storage.foldername(name text) returns text[] language sql immutable
  return trim_array(string_to_array(name, '/'), 1);
create function storage.filename(name text) returns text language sql immutable
  return (string_to_array(name, '/'))[cardinality(string_to_array(name, '/'))];
create function storage.extension(name text) returns text language sql immutable
  return substring(name from '\.([^./]*)$');
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;

create schema realtime;
create table realtime.messages (
  id uuid default gen_random_uuid(), topic text, extension text, payload jsonb, event text, private boolean,
  inserted_at timestamp default now()
);
create function realtime.topic() returns text language sql stable return current_setting('realtime.topic', true);
create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
  language sql return null::void;

create schema vault;
create table vault.secrets (
  id uuid primary key default gen_random_uuid(), name text unique, description text not null default '', secret text
);
create view vault.decrypted_secrets as select id, name, description, secret, secret as decrypted_secret from vault.secrets;
create function vault.create_secret(
  new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null
) returns uuid language sql
  begin atomic
    insert into vault.secrets (secret, name, description) values (new_secret, new_name, new_description) returning id;
  end;

create schema cron;
create table cron.job (
  jobid bigserial primary key, schedule text, command text, database text, username text, active boolean default true,
  jobname text unique
);
create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql
  begin atomic
    insert into cron.job (jobname, schedule, command) values (job_name, schedule, command) returning jobid;
  end;
create function cron.schedule(schedule text, command text) returns bigint language sql
  begin atomic
    insert into cron.job (schedule, command) values (schedule, command) returning jobid;
  end;
create function cron.unschedule(job_name text) returns boolean language sql
  begin atomic
    delete from cron.job where jobname = job_name;
    select true;
  end;

create schema net;
create function net.http_post(
  url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds int default 5000
) returns bigint language sql return 0::bigint;
create function net.http_get(
  url text, params jsonb default '{}', headers jsonb default '{}', timeout_milliseconds int default 5000
) returns bigint language sql return 0::bigint;

create schema supabase_functions;
create function supabase_functions.http_request() returns trigger language plpgsql as 'begin return new; end';

create publication supabase_realtime;
grant usage on schema public, auth, storage, extensions, realtime to anon, authenticated, service_role;
