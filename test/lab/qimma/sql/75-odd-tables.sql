-- Names that have to be quoted, inheritance, sub-partitions, exclusion, deferrable keys, dropped columns.
create table public."user" ("order" integer primary key, "select" text, "Group By" text default 'it''s');
insert into public."user" values (1, 'from', 'where'), (2, null, default);
create table "Odd Schema"."Table with ""quotes"" and spaces" (
  "Id" integer generated always as identity primary key,
  "tab	and
new line" text,
  "نص عربي" text default 'مرحبا',
  "%s \ $$ ' ; -- /*" text,
  "😀" text
);
insert into "Odd Schema"."Table with ""quotes"" and spaces" ("tab	and
new line", "%s \ $$ ' ; -- /*", "😀") values ('a', 'b', 'c'), (null, '', E'\n');
create index "Index "" on ٱلعربية" on "Odd Schema"."Table with ""quotes"" and spaces" ("نص عربي");
comment on table "Odd Schema"."Table with ""quotes"" and spaces" is E'A comment''s\nsecond line; drop table x; --';
create table "Odd Schema"."a_name_that_is_exactly_as_long_as_postgresql_lets_it_be_63_byte" (id integer);
create view "Odd Schema"."Case" as select "order" as "ORDER" from public."user";
create function "Odd Schema"."Do It"("The Value" text default 'a''b') returns text language sql as $f$ select "The Value" || '$$' $f$;

create table public.people_base (id integer primary key, name text not null check (name <> ''), born date);
create table public.alumni (graduated integer) inherits (public.people_base);
create table public.honoured (reason text, name text default 'مجهول') inherits (public.alumni);
insert into public.people_base values (1, 'base', null);
insert into public.alumni values (2, 'alumna', '1990-01-01', 2012);
insert into public.honoured (id, graduated, reason) values (3, 2013, 'first');
alter table public.honoured add primary key (id);

create table public.room_bookings (
  room integer not null, during tstzrange not null, booked_by text, cancelled boolean not null default false,
  constraint no_overlap exclude using gist (room with =, during with &&) where (not cancelled) deferrable initially immediate
);
insert into public.room_bookings values (1, '[2026-09-01 08:00+00,2026-09-01 09:00+00)', 'a', default), (1, '[2026-09-01 09:00+00,)', 'b', false),
  (1, '[2026-09-01 08:30+00,2026-09-01 09:30+00)', 'c', true);

create table public.tree_nodes (id integer primary key, parent integer references public.tree_nodes (id) deferrable initially deferred, position integer,
  constraint one_place unique (parent, position) deferrable initially immediate);
insert into public.tree_nodes values (3, 2, 1), (2, 1, 1), (1, null, 1);
create table public.chicken (id integer primary key, egg integer not null);
create table public.egg (id integer primary key, chicken integer not null references public.chicken (id) match full on delete cascade);
insert into public.chicken values (1, 10), (2, 20);
insert into public.egg values (10, 2), (20, 1);
alter table public.chicken add constraint chicken_egg_fkey foreign key (egg) references public.egg (id) deferrable;

create table public.measurements (
  school text not null, taken date not null, value numeric, note text default 'top', primary key (school, taken)
) partition by list (school);
create table public.measurements_riyadh partition of public.measurements for values in ('riyadh', 'الرياض') partition by range (taken);
create table public.measurements_riyadh_old partition of public.measurements_riyadh for values from (minvalue) to ('2026-01-01');
create table public.measurements_riyadh_new (note text default 'own default', value numeric check (value > -100), taken date not null, school text not null, extra integer);
alter table public.measurements_riyadh_new drop column extra;
alter table public.measurements_riyadh attach partition public.measurements_riyadh_new for values from ('2026-01-01') to (maxvalue);
create table public.measurements_hashed partition of public.measurements default partition by hash (school, taken);
create table public.measurements_hashed_0 partition of public.measurements_hashed for values with (modulus 2, remainder 0);
create table public.measurements_hashed_1 partition of public.measurements_hashed for values with (modulus 2, remainder 1);
create index measurements_value on public.measurements (value) where value is not null;
insert into public.measurements (school, taken, value)
select (array['riyadh', 'الرياض', 'jeddah', 'abha'])[1 + n % 4], date '2025-06-01' + n, n / 7.0 from generate_series(1, 400) as n;
create table public.measurement_checks (school text, taken date, ok boolean,
  constraint measured foreign key (school, taken) references public.measurements (school, taken));
insert into public.measurement_checks select school, taken, true from public.measurements where taken < '2025-07-01';

create table public.shape_shifter (gone_first text, kept integer, gone_later integer, late text not null default 'added', "gone too" text);
insert into public.shape_shifter (kept) values (1), (2);
alter table public.shape_shifter drop column gone_first, drop column gone_later, drop column "gone too";
alter table public.shape_shifter add column doubled integer generated always as (kept * 2) stored;
create type public.typed_row as (a integer, b text);
create table public.typed of public.typed_row (primary key (a), b with options not null default 'typed');
insert into public.typed values (1, default);
create table public.owned_by_column (id smallint default nextval('public.never_called'));
alter sequence public.never_called owned by public.owned_by_column.id;
create unlogged sequence public.scratch_numbers;
