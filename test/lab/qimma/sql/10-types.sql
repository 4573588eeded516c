-- Qimma's types, and the extensions that its schema needs (all trusted, so `postgres` may create them).
set statement_timeout = 0;
set client_min_messages = warning;
create extension btree_gist with schema extensions;
create extension citext with schema extensions;
create extension hstore with schema extensions;
create extension pg_trgm with schema extensions;

create schema app_private;
comment on schema app_private is 'What the API never sees';
create schema "Odd Schema";
create schema supabase_migrations;

create type public.user_role as enum ('student', 'teacher', 'school admin', 'معلم');
create type public.submission_status as enum ('draft', 'submitted', 'graded');
-- A value added later sorts between its neighbours, by a fraction that a dump has to keep the order of.
alter type public.submission_status add value 'returned' before 'graded';
comment on type public.user_role is 'Who somebody is in Qimma; the last value is Arabic on purpose';

create domain public.percentage as numeric(5, 2) default 0 constraint percentage_range check (value between 0 and 100);
create domain public.saudi_phone as text constraint starts_with_country check (value ~ '^\+966[0-9]{9}$');
alter domain public.saudi_phone add constraint never_empty check (value <> '') not valid;
create domain public.not_null_label as text not null collate "C";
comment on domain public.percentage is 'From 0 to 100';
comment on constraint percentage_range on domain public.percentage is 'A mark is a share of the whole';

create type public.address as (street text, city varchar(80), postal_code char(5));
comment on column public.address.city is 'As the national address writes it';
create type public.grade_band as range (subtype = numeric, multirange_type_name = public.grade_bands);
create collation public.byte_order (provider = libc, locale = 'C');
create text search dictionary public.qimma_simple (template = pg_catalog.simple, stopwords = english);
create text search configuration public.qimma (copy = pg_catalog.simple);
alter text search configuration public.qimma alter mapping for asciiword, word with public.qimma_simple, simple;
comment on text search configuration public.qimma is 'Arabic and English side by side';

create sequence public.receipt_numbers as integer start 100000 increment 7 maxvalue 999999 cache 5 cycle;
create sequence public.countdown as bigint increment -3 minvalue -9000000000 maxvalue 0 start 0;
create sequence public.never_called start 42;
comment on sequence public.countdown is 'Goes down';
