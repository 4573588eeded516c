-- report: Rails, Prisma and hand-written schemas with ranges and lists of varchar in every kind of definition: PostgreSQL reads what it
-- printed as the same thing and prints it otherwise from then on, so no text of them survives a restore
-- tiers: weekly,monthly
-- query: select (select count(*) from words.shifts), (select string_agg(length, ',' order by id) from words.shifts), (select count(*) from words.early)
-- @as postgres
create schema words;
create domain words.hour as int default case when 1 between 0 and 2 and 3 > 2 then 8 else 9 end check (value between 0 and 23 and value <> 13);
create domain words.grade as varchar check (value in ('a', 'b', 'c'));
create table words.shifts (
  id int primary key,
  begins int not null check (begins between 0 and 23 and begins % 2 = 0),
  kind varchar(10) not null default 'day' check (kind in ('day', 'night')),
  state varchar default case when 1 between 0 and 2 and 'x'::varchar in ('x', 'y') then 'new' else 'old' end,
  tags varchar[] default array['a', 'b']::varchar[] check (tags <@ array['a', 'b', 'c']::varchar[]),
  length text generated always as (case when begins between 2 and 6 and kind in ('day', 'night') then 'short'
    when begins between 8 and 10 and kind <> 'day' then 'odd' else 'long' end) stored,
  period int4range,
  hour words.hour,
  constraint apart exclude using gist (int4range(begins, case when begins between 2 and 4 and id > 2 then 30 else 24 end) with &&)
    where (begins between 20 and 22 and kind in ('day', 'night')));
insert into words.shifts (id, begins, kind) select g, 2 * g, case when g % 2 = 0 then 'day' else 'night' end from generate_series(0, 9) g;
alter table words.shifts add constraint later check (id between 0 and 900 and id <> 77 or kind in ('x', 'y')) not valid;
alter table words.shifts enable row level security;
create policy own on words.shifts for select to authenticated using (begins between 2 and 8 and kind in ('day', 'night')
  and exists (select from words.shifts other where other.begins between 1 and 5 and other.kind in ('day', 'x') and other.id <> shifts.id));
create policy add on words.shifts for insert to authenticated with check (begins between 2 and 8 and kind in ('day', 'night'));
create index few on words.shifts ((case when begins between 2 and 8 and kind in ('a', 'b') then id else 0 end), lower(kind) varchar_pattern_ops desc)
  include (state) where begins between 2 and 8 and kind in ('day', 'night');
create index plain_call on words.shifts (coalesce(kind, case when begins between 1 and 2 and id > 1 then 'x' else 'y' end));
create statistics words.together on (case when begins between 2 and 8 and kind in ('a', 'b') then 1 else 0 end), lower(kind), id from words.shifts;
create view words.early as select id, kind from words.shifts where begins between 2 and 8 and kind in ('day', 'night') and (id > 1 or id < 0);
alter view words.early alter column kind set default case when 5 between 4 and 6 and 'b'::varchar in ('a', 'b') then 'day' else 'night' end;
create view words.with_list as with chosen (n) as (select id from words.shifts where begins between 2 and 8 and kind in ('day', 'x')) select n from chosen where n between 1 and 3 and n <> 2;
create materialized view words.kept as select id from words.shifts where begins between 2 and 8 and kind in ('day', 'night');
create unique index kept_id on words.kept (id) where id between 1 and 100 and id <> 50;
create function words.noted() returns trigger language plpgsql as 'begin return new; end';
create trigger noted after update of kind, begins on words.shifts for each row
  when (new.begins between 2 and 8 and new.kind in ('day', 'night') and old.* is distinct from new.*) execute function words.noted('a) WHEN (b');
create rule never as on insert to words.early where new.id between 1 and 2 and new.kind in ('day', 'x') do instead
  insert into words.shifts (id, begins, kind) select new.id, 2, new.kind where new.id between 5 and 6 and new.kind in ('day', 'night');
create rule also as on delete to words.shifts where old.id between 1 and 2 and old.kind in ('day', 'x') do also nothing;
create publication some_shifts for table words.shifts (id, begins) where (id between 1 and 5 and id <> 3);
create function words.chosen(from_hour int default case when 1 between 0 and 2 and 'x'::varchar in ('x', 'y') then 1 else 2 end) returns setof int stable
  begin atomic select id from words.shifts where begins between from_hour and 8 and kind in ('day', 'night'); end;
create procedure words.tidy(inout n int) begin atomic select n + 1 where n between 1 and 3 and n <> 2; end;
create function words.defaulted(a varchar default case when 3 between 1 and 5 and 'q'::varchar in ('q', 'r') then 'q' else 'r' end) returns text
  language plpgsql as 'begin return a; end';
create table words.parted (id int not null, kind varchar, at date) partition by range ((case when id between 1 and 10 and kind in ('a', 'b') then 1 else 2 end), at);
create table words.parted_few partition of words.parted for values from (1, '2024-01-01') to (1, '2025-01-01');
alter table words.parted_few add check (id between 1 and 10 and kind in ('a', 'b'));
insert into words.parted values (3, 'a', '2024-05-05');
create table words.base (id int, kind varchar default 'x' check (kind in ('x', 'y') and id between 1 and 9));
create table words.heir (more varchar check (more in ('p', 'q'))) inherits (words.base);
alter table words.base add column late varchar default case when 4 between 3 and 5 and 'k'::varchar in ('k', 'l') then 'k' else 'l' end;
alter table words.base add constraint late_check check (late in ('k', 'l') and id between 1 and 9);
insert into words.heir values (1, 'x', 'p');
create statistics words.heirs (dependencies) on more, late from words.heir;
create publication heirs for table words.heir (more, late, id) where (more <> 'z');
