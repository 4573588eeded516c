-- report: what is made in a session that finds functions and tables by its search_path, and is put back in one that does not
-- tiers: weekly,monthly
-- query: select (select string_agg(code || ' ' || twice, ',' order by id) from names_without_schema.parcels), (select count(*) from names_without_schema.labels), (select string_agg(indexrelid::regclass::text, ',' order by indexrelid::regclass::text) from pg_index where indrelid = 'names_without_schema.labels'::regclass)
-- @as postgres
create schema names_without_schema;
set search_path = names_without_schema, public, extensions;
-- A generated column whose SQL function is inlined and calls another by its bare name; one of a PL/pgSQL function.
create function pad(n int) returns text language sql immutable strict as $$ select lpad(n::text, 6, '0') $$;
create function code_of(n int) returns text language sql immutable strict as $$ select 'P-' || pad(n) $$;
create function double_of(n int) returns int language plpgsql immutable strict as $$ begin return length(pad(n)) + n; end $$;
create table parcels (
  id int primary key,
  code text generated always as (code_of(id)) stored,
  twice int generated always as (double_of(id)) stored,
  size int default length(pad(3)),
  constraint coded check (length(code_of(size)) > 3)
);
insert into parcels (id, size) select g, g from generate_series(1, 300) g;
-- An index whose function was only asked about rows that came later, in sessions with the path.
create table labels (id int primary key references parcels, name text not null);
create function sorted_name(t text) returns text language plpgsql immutable as $$ begin return lower(t) || pad(1); end $$;
create index labels_sorted on labels (sorted_name(name));
create unique index labels_once on labels (sorted_name(name), id) where double_of(id) is not null;
insert into labels select g, 'Label ' || g from generate_series(1, 120) g;
create function is_mine(n int) returns boolean language sql stable as $$ select n in (select id from parcels) $$;
alter table labels enable row level security;
create policy own_labels on labels using (is_mine(id));
create domain parcel_code as text constraint looks_right check (value = code_of(substr(value, 3)::int));
create table tickets (id int primary key, code parcel_code, many parcel_code[]);
insert into tickets select g, code_of(g), array[code_of(g), code_of(g + 1)] from generate_series(1, 40) g;
create view named as select id, code_of(id) as code from parcels;
