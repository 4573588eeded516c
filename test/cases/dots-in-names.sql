-- report: dimitri/pgcopydb#297, citusdata/citus#82: names with dots in quotes; two tables, sequences and views whose names read the same
-- tiers: weekly,monthly
-- query: select (select sum(x) from "dots.in"."names") || ' ' || (select sum(x) from dots."in.names") || ' ' || (select n from "dots.in".seen) || ' ' || (select n from dots."in.seen") || ' ' || (select count(*) from dots."pg_catalog.kept") || ' ' || (select count(*) from dots.kept) || ' ' || (select last_value from "dots.in"."counter") || ' ' || (select last_value from dots."in.counter")
-- @as postgres
create schema "dots.in"; create schema dots;
create table "dots.in"."names" (x int primary key); insert into "dots.in"."names" select generate_series(1, 30);
create table dots."in.names" (x int primary key); insert into dots."in.names" select generate_series(101, 130);
create sequence "dots.in"."counter"; select setval('"dots.in"."counter"', 7);
create sequence dots."in.counter"; select setval('dots."in.counter"', 4000);
create materialized view "dots.in".seen as select count(*) + 1 as n from "dots.in"."names";
create materialized view dots."in.seen" as select count(*) + 2 as n, now() as at from dots."in.names";
create table dots."pg_catalog.kept" (a int); insert into dots."pg_catalog.kept" values (1), (2), (3);
create table dots.kept (a text); insert into dots.kept values ('one');
create table dots."say ""x"".y" (a int); insert into dots."say ""x"".y" values (5);
create function dots."on dots.kept"() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger "of on ""a.b""" before insert on dots."in.names" for each row execute function dots."on dots.kept"();
