-- report: supabase/dbdev (app.packages) and common practice: CREATE OR REPLACE of the function behind a stored generated column, whose older rows keep what the former one gave
-- tiers: weekly,monthly
-- names: table former\.shops: rows: generated column label holds other values than at the source, in some of 3 rows .*generated/former\.shops\.ndjson
-- query: select (select string_agg(id || town || tax, ',' order by id) from former.shops) || (select string_agg(n || ':' || twice, ',' order by n) from former.plain)
-- @as postgres
create schema former;
create function former.label(t text) returns text language sql immutable as $$ select upper(t) $$;
create table former.shops (id int primary key, town text, label text generated always as (former.label(town)) stored, tax numeric, gross numeric generated always as (tax * 2) stored);
insert into former.shops values (1, 'Köln', default, 3.5), (2, 'Ulm', default, null);
create or replace function former.label(t text) returns text language sql immutable as $$ select 'shop in ' || t $$;
insert into former.shops values (3, 'Bonn', default, 1);
create table former.plain (n int, twice int generated always as (n * 2) stored);
insert into former.plain values (1), (2), (2);
