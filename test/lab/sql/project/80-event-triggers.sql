-- Event triggers that Supabase keeps in every project, all of supabase_admin.
set role supabase_admin;
create function extensions.pgrst_ddl_watch() returns event_trigger language plpgsql as $$
begin
  if exists (select from pg_event_trigger_ddl_commands() where schema_name is distinct from 'pg_temp') then
    notify pgrst, 'reload schema';
  end if;
end
$$;
create function extensions.pgrst_drop_watch() returns event_trigger language plpgsql as $$
begin
  if exists (select from pg_event_trigger_dropped_objects() where not is_temporary) then
    notify pgrst, 'reload schema';
  end if;
end
$$;
create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();
create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_drop_watch();

-- In the place of supautils: what `postgres` may do there by name, it may do here for the length of one command.
-- The power is lent when the command starts and taken back when it ends; a failing command rolls both back.
create function extensions.lab_lend_power() returns event_trigger language plpgsql security definer set search_path = '' as $$
declare
  acting text := case current_setting('role') when 'none' then session_user else current_setting('role') end;
begin
  if acting <> 'postgres' then
    return;
  end if;
  if (tg_tag like '% POLICY' or tg_tag = 'DROP TRIGGER' or tg_tag = 'COMMENT' and current_query() ~* 'on\s+policy')
    and current_query() ~* '(auth|storage|realtime)' then
    if tg_event = 'ddl_command_start' then
      -- Memberships are the cluster's: two projects that lend at once would meet as "tuple concurrently updated".
      lock table pg_catalog.pg_auth_members in share row exclusive mode;
      grant supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin to postgres;
    else
      revoke supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin from postgres;
    end if;
  elsif tg_tag like '% PUBLICATION' and current_query() ~* '(for\s+all\s+tables|tables\s+in\s+schema)' then
    lock table pg_catalog.pg_authid in share row exclusive mode;
    execute case tg_event when 'ddl_command_start' then 'alter role postgres superuser' else 'alter role postgres nosuperuser' end;
  end if;
end
$$;
create event trigger lab_lend_power on ddl_command_start
  when tag in ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'DROP TRIGGER', 'COMMENT', 'CREATE PUBLICATION', 'ALTER PUBLICATION')
  execute function extensions.lab_lend_power();
create event trigger lab_take_back_power on ddl_command_end
  when tag in ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'DROP TRIGGER', 'COMMENT', 'CREATE PUBLICATION', 'ALTER PUBLICATION')
  execute function extensions.lab_lend_power();
revoke all on function extensions.lab_lend_power() from public;
reset role;
