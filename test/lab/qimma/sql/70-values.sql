-- Values that formats lose. Every column holds what a naive copy, cast or comparison gets wrong.
create table public.odd_values (
  id integer primary key,
  exact numeric, narrow numeric(6, 3), approx double precision, single real, cash money,
  day date, moment timestamptz, wall timestamp, clock time, zoned timetz, span interval,
  words text, padded char(6), short varchar(3), one "char", who name, blob bytea,
  document json, tree jsonb, path jsonpath, markup xml,
  list integer[], matrix text[], band public.grade_band, bands public.grade_bands, days daterange, spans int4multirange,
  flags bit(4), more varbit, net inet, block cidr, card macaddr, card8 macaddr8,
  place point, area polygon, ring circle, stretch box, way path, edge lseg, straight line,
  vector tsvector, query tsquery, kind regclass, code uuid, lsn pg_lsn,
  state public.submission_status, share public.percentage, label public.not_null_label, home public.address, homes public.address[],
  truth boolean, pairs extensions.hstore, ci extensions.citext
);
alter table public.odd_values alter column words set storage main, alter column blob set compression pglz;
insert into public.odd_values (id, exact, approx, single, day, moment, wall, span, words, label, truth) values
  (1, 'NaN', 'NaN', 'NaN', 'infinity', 'infinity', 'infinity', '0', '', '', true),
  (2, 'Infinity', 'Infinity', '-Infinity', '-infinity', '-infinity', '-infinity', '-1 mon +1 day -00:00:00.000001', ' ', ' ', false),
  (3, 1.0, '-0', '-0', '0044-03-15 BC', '4713-01-01 12:00:00+00 BC', '0001-01-01 BC', '1 year', 'NULL', '\N', null),
  (4, 1.00, 0.1, 0.1, '5874897-12-31', '294276-12-31 23:59:59.999999+00', '1969-12-31 23:59:59.999999', '178000000 years', E'\\.', E'\\.', true),
  (5, 100, 1e-307, 1e-37, '2024-02-29', '2026-03-29 01:30:00+00', '2026-03-29 02:30:00', '00:00:00.5', E'a\tb\r\nc\\d\be', E'"\n', true),
  (6, '0.000000000000000000000000000000000000000000001', 1.7976931348623157e308, 3.4028235e38, '1582-10-10', '1900-01-01 00:00+00', '2000-01-01', '-1 day', 'الطُّلّابُ ‏(١٢٣)‏ 👩‍🎓 e' || U&'\0301', 'قمة', null),
  (7, 12345678901234567890.123456789000, 123456789012345.67, 16777217, null, null, null, null, null, 'x', null),
  (8, -99999999999999999999999999, 5e-324, 1e-45, '2000-01-01', '2000-01-01 00:00:00.000001+03', null, 'P1Y2M3DT4H5M6.789S', repeat('قِمّة ', 20000), 'long', false);
update public.odd_values set narrow = 1.0, cash = '-1234.56', clock = '24:00', zoned = '00:00:00.1+15:59', padded = 'a', short = 'ععع', one = 'x',
  who = 'Quote"d', blob = '\x00ff0a0d5c2e5c4e00', document = '{"b":1, "a" : 1.00,"b":2}', tree = '{"b":1, "a" : 1.00,"b":2, "big": 12345678901234567890}',
  path = '$.a[*] ? (@ > 1)', markup = '<a b="c">&lt;ع<!-- c --></a>', list = '[2:3]={1,null}', matrix = '{{"a,b",NULL},{"\"","\\"}}',
  band = '[1.0,2.00)', bands = '{[1,2),[5,)}', days = 'empty', spans = '{}', flags = '1010', more = '', net = '::1/64', block = '10.0.0.0/8',
  card = '08:00:2b:01:02:03', card8 = '08:00:2b:01:02:03:04:05', place = '(1e300,-0)', area = '((0,0),(1,1),(1,0))', ring = '<(0,0),2>',
  stretch = '(1,1),(0,0)', way = '[(0,0),(1,1)]', edge = '[(0,0),(1,2)]', straight = '{1,-1,0}', vector = $$'a':1A 'ب ':2$$, query = $$'a' & !'b':*$$,
  kind = 'public.exams', code = '00000000-0000-0000-0000-000000000000', lsn = '16/B374D848', state = 'returned', share = 100,
  home = row(null, 'الدمام', '1'), homes = array[row('a,b', '"', null), null]::public.address[], pairs = '"k"=>NULL, ""=>""', ci = 'MiXeD'
where id = 1;
update public.odd_values set blob = '', list = '{}', matrix = '{}', home = row(null, null, null), days = '(,)', spans = '{[1,3),[7,9)}', tree = 'null',
  document = ' null ', markup = 'text only', exact = exact, homes = '{}', padded = '', short = '' where id = 2;

-- Rows that are alike, in a table without a key: a copy that loses or doubles one has the same distinct rows.
create table public.duplicates (email text, at date, amount numeric);
insert into public.duplicates values (:planted, '2026-01-01', 1.0), (:planted, '2026-01-01', 1.0), (:planted, '2026-01-01', 1.00),
  (null, null, null), (null, null, null), ('', null, 0);
insert into public.duplicates select 'same', '2026-02-02', 7 from generate_series(1, 100);

create table public.no_rows (id integer primary key, note text);
create table public.no_columns ();
insert into public.no_columns default values;
insert into public.no_columns default values;
create table public.one_row ("only" boolean primary key default true check ("only"), since date);
insert into public.one_row values (true, '2025-09-01');
create unlogged table public.session_cache (key text primary key, value jsonb);
insert into public.session_cache values ('a', '{"n": 1}'), ('ب', null);

do $objects$
declare
  made oid;
begin
  made := lo_from_bytea(424242, '\x00010203ff');
  made := lo_from_bytea(424243, '');
  made := lo_from_bytea(424244, decode(repeat('d8b9', 300000), 'hex'));
  comment on large object 424242 is 'A scanned certificate';
  grant select on large object 424242 to authenticated;
  -- As runbooks/sql/backup-role.sql does: pg_read_all_data does not cover large objects.
  if exists (select from pg_roles where rolname = 'lifeboat_backup') then
    grant select on large object 424242, 424243, 424244 to lifeboat_backup;
  end if;
end
$objects$;
