-- report: supabase/agent-skills#408: a project made with automatic row security has an event trigger from its first minute
-- kind: supabase
-- query: select (select string_agg(relname || ' ' || relrowsecurity, ', ' order by relname) from pg_class where relnamespace = 'automatic'::regnamespace and relkind = 'r') || coalesce((select ' ' || evtname from pg_event_trigger where evtname = 'ensure_rls'), '')
-- | create function public.rls_auto_enable() returns event_trigger language plpgsql security definer set search_path = pg_catalog as $body$
-- | declare made record; begin
-- |   for made in select object_identity from pg_event_trigger_ddl_commands() where object_type = 'table' loop
-- |     execute 'alter table ' || made.object_identity || ' enable row level security';
-- |   end loop; end $body$;
-- | create event trigger ensure_rls on ddl_command_end when tag in ('CREATE TABLE') execute function public.rls_auto_enable();
-- @as postgres
create schema automatic;
create table automatic.open (id int primary key);
create table automatic.shut (id int primary key);
alter table automatic.shut enable row level security;
