-- report: the platform's own publication, made anew by the user; others with filters, columns and schemas
-- kind: supabase
-- alone: yes
-- query: select (select string_agg(concat_ws(' ', pubname, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot, obj_description(oid, 'pg_publication')), ';' order by pubname) from pg_publication), (select string_agg(concat_ws(' ', pubname, schemaname, tablename, attnames, rowfilter), ';' order by pubname, tablename) from pg_publication_tables)
-- @as postgres
create table public.talks (id int primary key, room int, body text, hidden text);
create table public.halls (id int primary key);
begin;
drop publication supabase_realtime;
create publication supabase_realtime for table public.talks (id, room) where (room > 2), public.halls with (publish = 'insert, delete', publish_via_partition_root = true);
comment on publication supabase_realtime is 'what the apps listen to';
commit;
create publication all_of_it for tables in schema public;
