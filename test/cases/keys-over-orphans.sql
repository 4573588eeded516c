-- report: keys of partitioned tables that the source says hold, over rows that point at nothing: of several columns, of the table itself
-- tiers: weekly,monthly
-- names: table constraint lines_of_order on keys_over_orphans\.lines: reference: 2 rows point at nothing \[so they do at the source.*select c\.\* from
-- names: table constraint lines_of_line on keys_over_orphans\.lines: reference: 1 rows point at nothing
-- names: table constraint refs_to_orders on keys_over_orphans\.refs: definition: .*NOT VALID here \[1 rows break it
-- query: select (select string_agg(l::text, ';' order by id) from keys_over_orphans.lines l), (select string_agg(k.conname || k.convalidated, ',' order by k.conname) from pg_constraint k where k.contype = 'f' and k.conparentid = 0 and k.connamespace = 'keys_over_orphans'::regnamespace and k.conname <> 'refs_to_orders')
-- @as postgres
create schema keys_over_orphans;
set search_path = keys_over_orphans;
create table orders (id int, region text, primary key (id, region)) partition by list (region);
create table orders_e partition of orders for values in ('e');
create table orders_w partition of orders for values in ('w');
create table lines (id int, day date, order_id int, region text, parent int, parent_day date, number bigint generated always as identity,
  twice int generated always as (id * 2) stored, primary key (id, day),
  constraint lines_of_order foreign key (order_id, region) references orders match full on delete cascade deferrable initially deferred,
  constraint lines_of_line foreign key (parent, parent_day) references lines on delete set null) partition by range (day);
create table lines_1 partition of lines for values from ('2020-01-01') to ('2020-02-01');
create table lines_2 partition of lines for values from ('2020-02-01') to ('2020-03-01') partition by list (id);
create table lines_2_3 partition of lines_2 for values in (3, 4);
create table lines_2_d partition of lines_2 default;
create table refs (id int, order_id int, region text, constraint refs_to_orders foreign key (order_id, region) references orders);
create table of_lines (line int, day date, constraint of_lines_to_lines foreign key (line, day) references lines);
insert into orders values (1, 'e'), (2, 'w');
insert into lines values (1, '2020-01-01', 1, 'e', null, null), (2, '2020-01-02', 2, 'w', 1, '2020-01-01');
set session_replication_role = replica;
insert into lines values (3, '2020-02-02', 77, 'e', 55, '2020-01-09'), (4, '2020-02-02', null, 'e', 3, '2020-02-02'), (5, '2020-02-03', 1, 'e', 4, '2020-02-02');
insert into of_lines values (3, '2020-02-02');
insert into refs values (1, 99, 'w');
set session_replication_role = origin;
