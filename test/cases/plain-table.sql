-- report: the control: a schema with a table, a key and a view has nothing to be named
-- tiers: weekly,monthly
-- query: select count(*), sum(id) from plain_table.kept
-- @as postgres
create schema plain_table;
create table plain_table.kept (id int primary key, note text);
insert into plain_table.kept select g, 'note ' || g from generate_series(1, 50) g;
create view plain_table.short as select id from plain_table.kept where id < 10;
