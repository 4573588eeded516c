-- Roles of a Supabase project. They are cluster-wide, so every project of one lab cluster shares them.
-- Facts: supabase/postgres migrations and its nix/tests/expected/{roles,z_15_roles,z_17_roles}.out.
-- Safe to run again: a role that exists is only brought back to its attributes.

do $roles$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('supabase_admin', 'superuser createdb createrole replication bypassrls login inherit'),
      ('postgres', 'nosuperuser createdb createrole replication bypassrls login inherit'),
      ('anon', 'nologin inherit'),
      ('authenticated', 'nologin inherit'),
      ('service_role', 'nologin inherit bypassrls'),
      ('authenticator', 'login noinherit'),
      ('dashboard_user', 'nologin createdb createrole replication'),
      ('pgbouncer', 'login'),
      ('supabase_auth_admin', 'login noinherit nocreaterole'),
      ('supabase_storage_admin', 'login noinherit createrole'),
      ('supabase_functions_admin', 'login noinherit createrole'),
      ('supabase_realtime_admin', 'login noinherit createrole replication'),
      ('supabase_etl_admin', 'login replication'),
      ('supabase_replication_admin', 'login replication'),
      ('supabase_read_only_user', 'login bypassrls')
    ) as roles (name, attributes)
  loop
    if not exists (select from pg_roles where rolname = wanted.name) then
      execute format('create role %I', wanted.name);
    end if;
    execute format('alter role %I with %s', wanted.name, wanted.attributes);
    if wanted.attributes ~ '\mlogin\M' then
      execute format('alter role %I password %L', wanted.name, 'lab');
    end if;
  end loop;
end
$roles$;

alter role postgres set search_path to "\$user", public, extensions;
alter role supabase_admin set search_path to "\$user", public, auth, extensions;
alter role supabase_admin set log_statement = 'none';
alter role supabase_auth_admin set search_path to auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout to 60000;
alter role supabase_auth_admin set log_statement = 'none';
alter role supabase_storage_admin set search_path to storage;
alter role supabase_storage_admin set log_statement = 'none';
alter role supabase_realtime_admin set search_path to public, extensions, realtime;
alter role supabase_functions_admin set search_path to supabase_functions;
alter role supabase_read_only_user set default_transaction_read_only to on;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';

grant anon, authenticated, service_role to authenticator;
grant authenticator to supabase_storage_admin;
grant anon, authenticated, service_role to supabase_realtime_admin;
grant pg_read_all_data to supabase_read_only_user, supabase_etl_admin;
grant supabase_functions_admin to postgres;
grant anon, authenticated, service_role, pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

-- Since PostgreSQL 16 CREATEROLE no longer administers every role, so Supabase grants the admin option there.
do $admin$
begin
  if current_setting('server_version_num')::int >= 160000 then
    grant anon, authenticated, service_role, authenticator to postgres with admin option;
    grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres with admin option;
    grant pg_create_subscription to postgres;
  end if;
end
$admin$;

-- What supautils allows by name (supautils.privileged_role_allowed_configs), allowed by plain grants.
do $parameters$
declare
  parameter text;
begin
  foreach parameter in array array[
    'session_replication_role', 'log_min_messages', 'log_lock_waits', 'track_io_timing',
    'pgrst.db_schemas', 'pgrst.db_extra_search_path', 'pgrst.db_max_rows', 'pgrst.db_pre_request'
  ]
  loop
    execute format('grant set on parameter %s to postgres', parameter);
  end loop;
end
$parameters$;
