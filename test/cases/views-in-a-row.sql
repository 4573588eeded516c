-- report: materialised views that read each other, are stale, are empty on purpose, or depend on a key
-- tiers: weekly,monthly
-- query: select (select count(*) from views_in_a_row.sums), (select count(*) from views_in_a_row.a_total), (select n from views_in_a_row.z_after), (select string_agg(relname || ' ' || relispopulated, ',' order by relname) from pg_class where relnamespace = 'views_in_a_row'::regnamespace and relkind = 'm')
-- names: materialized view views_in_a_row.sums: rows: was stale
-- names: materialized view views_in_a_row.a_total: rows: holds other rows than at the source \[it reads views_in_a_row.sums, stale
-- names: materialized view views_in_a_row.by_function: rows: .*it reads views_in_a_row.sums, stale
-- @as postgres
create schema views_in_a_row;
create table views_in_a_row.exams (id int primary key, title text);
create table views_in_a_row.points (id int primary key, exam int references views_in_a_row.exams, score numeric);
insert into views_in_a_row.exams select g, 'exam ' || g from generate_series(1, 12) g;
insert into views_in_a_row.points select g, 1 + g % 12, g from generate_series(1, 240) g;
create view views_in_a_row.means as select e.id, e.title, avg(p.score) as mean from views_in_a_row.exams e join views_in_a_row.points p on p.exam = e.id group by e.id;
create materialized view views_in_a_row.sums as select e.id, e.title, sum(p.score) as sum from views_in_a_row.exams e join views_in_a_row.points p on p.exam = e.id group by e.id;
create unique index sums_id on views_in_a_row.sums (id);
create materialized view views_in_a_row.a_total as select sum(sum) as total, max(m.mean) as best from views_in_a_row.sums s join views_in_a_row.means m using (id);
create function views_in_a_row.top() returns numeric language plpgsql stable as $$ begin return (select max(sum) from views_in_a_row.sums); end $$;
create materialized view views_in_a_row.by_function as select views_in_a_row.top() as top;
-- Emptied again after another had read it.
create materialized view views_in_a_row.base as select count(*) as n from views_in_a_row.points where score < 100;
create materialized view views_in_a_row.z_after as select n from views_in_a_row.base;
refresh materialized view views_in_a_row.base with no data;
create materialized view views_in_a_row.never as select 1 as one with no data;
-- The rows go on; the views do not.
insert into views_in_a_row.points select g, 1 + g % 12, g from generate_series(1001, 1100) g;
