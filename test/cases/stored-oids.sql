-- report: OIDs kept as numbers, and as regclass and its kin, which travel as names
-- query: select (select string_agg(what::text || fn::text || role::text, ' ' order by id) from stored_oids.names) || (select lo_get(file) from stored_oids.files)::text
-- names: stored_oids\.numbers\.what holds OIDs
-- @as postgres
create schema stored_oids;
create function stored_oids.f(int, text) returns int language sql as $$ select 1 $$;
create table stored_oids.names (id int primary key, what regclass, fn regprocedure, role regrole);
insert into stored_oids.names values (1, 'stored_oids.names', 'stored_oids.f(int,text)', 'anon');
create table stored_oids.numbers (id int primary key, what oid);
insert into stored_oids.numbers values (1, 'stored_oids.names'::regclass), (2, 0), (3, null);
create table stored_oids.files (id int primary key, file oid);
do $$ declare number oid := lo_from_bytea(0, '\x00ff'); begin
  execute format('grant select on large object %s to lifeboat_backup', number);
  insert into stored_oids.files values (1, number);
end $$;
