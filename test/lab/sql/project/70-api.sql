-- graphql_public, pgbouncer, and who may do what in public. The default privileges are the point: whatever `postgres`
-- creates in public is granted to the API roles at once, so a REVOKE that a restore forgets is an open door.
create schema graphql_public authorization supabase_admin;
grant usage on schema graphql_public to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema graphql_public grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema graphql_public grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema graphql_public grant all on sequences to postgres, anon, authenticated, service_role;
set role supabase_admin;
create function graphql_public.graphql("operationName" text default null, query text default null, variables jsonb default null, extensions jsonb default null)
returns jsonb language sql as $$
  select '{"data": null, "errors": ["pg_graphql extension is not enabled."]}'::jsonb
$$;
reset role;

create schema pgbouncer authorization pgbouncer;
set role supabase_admin;
create function pgbouncer.get_auth(p_usename text) returns table (username text, password text)
language sql security definer set search_path = '' as $$
  select rolname::text, rolpassword::text from pg_catalog.pg_authid where rolname = p_usename and rolcanlogin
$$;
revoke all on function pgbouncer.get_auth from public;
grant execute on function pgbouncer.get_auth to pgbouncer;
reset role;

grant usage on schema public to postgres, anon, authenticated, service_role;
do $defaults$
declare
  creator text;
  kind text;
begin
  foreach creator in array array['postgres', 'supabase_admin'] loop
    foreach kind in array array['tables', 'functions', 'sequences'] loop
      execute format(
        'alter default privileges for role %I in schema public grant all on %s to postgres, anon, authenticated, service_role',
        creator, kind);
    end loop;
  end loop;
end
$defaults$;

-- supabase/postgres 20251105172723.
grant execute on function pg_catalog.pg_reload_conf() to postgres;
