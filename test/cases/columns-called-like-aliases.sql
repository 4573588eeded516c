-- report: a column called q or r, as queries of ours call their rows: each weekly backup failed
-- tiers: weekly,monthly
-- query: select string_agg(t::text, ' ' order by i) from (select row(a.*)::text as t, a.i from aliases.a) x
-- @as postgres
create schema aliases;
create table aliases.a (i int primary key, q int, r text, t jsonb, c int, p int, o int, n name, d date, x text, l text, w text, b bytea,
  "row" int, "row_to_json" int, "concat" text, "num_nulls" int, "count" int, "hash" text, rows int, "only" int, "values" int, "select" int,
  lifeboat int, lifeboat_files int, place int, item text, note text, "at" int, page int, key int, "table" text, "column" text, "current_user" text, "user" text);
insert into aliases.a (i, q, r, t, "row", "count", hash, "only", "current_user") values (1, 2, 'three', '{"q": 4}', 5, 6, 'seven', 8, 'nine'), (2, null, null, null, null, null, null, null, null);
create type aliases.pair as (q int, r text);
create table aliases.q (q aliases.pair, r aliases.pair[]);
insert into aliases.q values (row(1, 'x'), array[row(2, 'y')::aliases.pair]);
create table aliases.nothing ();
insert into aliases.nothing default values; insert into aliases.nothing default values;
create materialized view aliases.r as select q, r, t, "count", hash from aliases.a;
create table aliases.c (q int references aliases.a (i), c int, p int references aliases.a (i));
insert into aliases.c values (1, 1, 2), (null, 2, null);
