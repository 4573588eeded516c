-- report: indexes whose SQL functions call others by their bare names: the planner looks into them whenever it plans anything on the table
-- alone: yes
-- tiers: weekly,monthly
-- query: select indexes_that_call.answer()
-- @as postgres
create schema indexes_that_call;
set search_path = indexes_that_call, public, extensions;
create function step(n int) returns int language sql immutable as $$ select n + 1 $$;
create function rank_of(n int) returns int language sql immutable as $$ select n % 7 $$;
create function is_listed(n int) returns boolean language sql immutable as $$ select n % 7 > 3 $$;
create function slug_of(t text) returns text language sql immutable as $$ select lower(t) $$;
create table items (
  id int primary key,
  label text not null,
  place int generated always as (id * 2) stored
);
create index items_listed on items (label) where is_listed(id);
create unique index items_slug on items (slug_of(label), id);
create statistics items_ranks on (rank_of(id)), label from items;
insert into items select g, 'Item ' || g from generate_series(1, 200) g;
create table bare (id int);
create index bare_listed on bare ((is_listed(id)));
insert into bare select generate_series(1, 30);
create materialized view listed as select id, slug_of(label) as slug from items where is_listed(id);
create unique index listed_once on listed (id, slug_of(slug));
analyze items;
-- Since then the functions call others by their bare names.
create function mark(t text) returns text language sql immutable as $$ select '-' || t $$;
create or replace function rank_of(n int) returns int language sql immutable as $$ select step(n) - 1 - 7 * (n / 7) $$;
create or replace function slug_of(t text) returns text language sql immutable as $$ select lower(substr(mark(t), 2)) $$;
create or replace function is_listed(n int) returns boolean language sql immutable as $$ select rank_of(n) > 3 $$;
-- Who asks without the path meets the same trouble.
create function answer() returns text language plpgsql set search_path = indexes_that_call as $$ begin return concat(
  (select string_agg(id || label || place, ',' order by id) from items), (select count(*) from bare),
  (select string_agg(id || slug, ',' order by id) from listed),
  (select string_agg(indexrelid::regclass::text, ',' order by indexrelid::regclass::text)
     from pg_index join pg_class c on c.oid = indrelid where c.relnamespace = 'indexes_that_call'::regnamespace)); end $$;
