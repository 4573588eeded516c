-- report: supabase/postgres#994, supabase/supabase#27782: tables and functions of the user's own in auth and storage, made
-- when the dashboard still acted as supabase_admin; postgres may make nothing there any more
-- kind: supabase
-- fails: table auth\.api_tokens: missing: .*GRANT USAGE, CREATE ON SCHEMA auth TO postgres
-- fails: table auth\.api_tokens: rows: 30 rows stay in the set
-- fails: function auth\.tenant\(\): missing
-- fails: table storage\.allowances: missing
-- fails: table storage\.allowances: rows: 2 rows stay in the set
-- fails: sequence storage\.allowances_id_seq: (missing|value)
-- fails: table constraint \w+ on (auth\.api_tokens|storage\.allowances): missing
-- query: select count(*) from own_objects.links
-- @as superuser
set role supabase_admin;
create table auth.api_tokens (id int primary key, user_id uuid references auth.users on delete cascade, digest text not null);
insert into auth.api_tokens (id, digest) select n, md5(n::text) from generate_series(1, 30) n;
create function auth.tenant() returns text language sql stable as $$ select auth.jwt() ->> 'tenant' $$;
create table storage.allowances (id serial primary key, bucket text, bytes bigint);
insert into storage.allowances (bucket, bytes) values ('a', 5), ('b', 6);
reset role;
-- @as postgres
create schema own_objects;
create table own_objects.links (id int primary key);
insert into own_objects.links values (1), (2);
