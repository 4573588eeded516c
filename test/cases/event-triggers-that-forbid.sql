-- report: planetscale/pgcopydb#14, neondatabase/neon#11794: event triggers that note or forbid what a restore does fire at its own notes
-- kind: plain
-- alone: yes
-- query: select (select count(*) from watched.log), (select string_agg(evtname || evtenabled::text, ',' order by evtname) from pg_event_trigger where evtname ~ '^watch'), (select count(*) from pg_namespace where nspname like 'lifeboat%')
-- @as superuser
create schema watched;
create table watched.log (id bigint generated always as identity primary key, what text);
create function watched.note() returns event_trigger language plpgsql as $$
begin insert into watched.log (what) values (tg_tag); end $$;
create function watched.forbid() returns event_trigger language plpgsql as $$
begin raise exception 'nothing is dropped here'; end $$;
create table watched.rows (id int primary key, note text);
insert into watched.rows select g, 'note' from generate_series(1, 5) g;
create event trigger watch_ends on ddl_command_end execute function watched.note();
create event trigger watch_always on ddl_command_start execute function watched.note();
create event trigger watch_drops on sql_drop execute function watched.forbid();
create event trigger watch_never on sql_drop execute function watched.note();
alter event trigger watch_always enable always;
alter event trigger watch_drops enable always;
alter event trigger watch_never disable;
