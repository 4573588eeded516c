-- report: what a table has beside columns: extended statistics, targets, cluster marks, replica identity, storage
-- tiers: weekly,monthly
-- query: select (select string_agg(pg_get_statisticsobjdef(oid) || coalesce(nullif(to_jsonb(s)->>'stxstattarget', '-1'), ''), ';' order by stxname) from pg_statistic_ext s where stxnamespace = 'statistics_and_marks'::regnamespace), (select string_agg(concat_ws(' ', relname, relreplident, reloptions), ';' order by relname) from pg_class where relnamespace = 'statistics_and_marks'::regnamespace), (select string_agg(concat_ws(' ', attname, nullif(to_jsonb(a)->>'attstattarget', '-1'), attstorage, attcompression, attoptions), ';' order by attnum) from pg_attribute a where attrelid = 'statistics_and_marks.readings'::regclass and attnum > 0), (select string_agg(concat_ws(' ', indexrelid::regclass, indisclustered, indisreplident), ';' order by indexrelid::regclass::text) from pg_index where indrelid = 'statistics_and_marks.readings'::regclass)
-- @as postgres
create schema statistics_and_marks;
create function statistics_and_marks.half(int) returns int language sql immutable as 'select $1 / 2';
create table statistics_and_marks.readings (id int primary key, place int not null, value int not null, note text) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_enabled = off);
insert into statistics_and_marks.readings select g, g % 7, g % 11, repeat('n', g) from generate_series(1, 200) g;
create unique index readings_place on statistics_and_marks.readings (place, id) with (fillfactor = 80);
create index readings_expression on statistics_and_marks.readings ((value * 2), (statistics_and_marks.half(value)));
alter index statistics_and_marks.readings_expression alter column 1 set statistics 321;
alter table statistics_and_marks.readings cluster on readings_place;
alter table statistics_and_marks.readings replica identity using index readings_place;
alter table statistics_and_marks.readings alter value set statistics 500, alter note set storage external, alter note set compression pglz, alter place set (n_distinct = 7);
create statistics statistics_and_marks.together (ndistinct, dependencies, mcv) on place, value from statistics_and_marks.readings;
create statistics statistics_and_marks.of_expression on (statistics_and_marks.half(value)), (place + value) from statistics_and_marks.readings;
alter statistics statistics_and_marks.together set statistics 77;
create table statistics_and_marks.whole (id int); alter table statistics_and_marks.whole replica identity full;
create table statistics_and_marks.nothing (id int primary key); alter table statistics_and_marks.nothing replica identity nothing;
