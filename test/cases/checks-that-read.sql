-- report: a CHECK that looks at rows of its own or another table, which are not there yet when its row comes in
-- tiers: weekly,monthly
-- query: select (select count(*) from checks_that_read.bookings), (select count(*) from checks_that_read.tree), (select count(*) from checks_that_read.by_year), (select string_agg(conname || ' ' || convalidated || ' ' || coalesce(obj_description(oid), ''), ',' order by conname) from pg_constraint where connamespace = 'checks_that_read'::regnamespace)
-- @as postgres
create schema checks_that_read;
create table checks_that_read.rooms (name text primary key, seats int);
create function checks_that_read.fits(r text, n int) returns boolean language plpgsql stable as $$
  begin
    if not exists (select from checks_that_read.rooms where name = r and seats >= n) then raise 'no such room'; end if;
    return true;
  end $$;
create table checks_that_read.bookings (id int primary key, room text, people int, constraint fits check (checks_that_read.fits(room, people)));
comment on constraint fits on checks_that_read.bookings is 'the room is large enough';
insert into checks_that_read.rooms select 'room ' || g, g from generate_series(1, 30) g;
insert into checks_that_read.bookings select g, 'room ' || (1 + g % 30), 1 from generate_series(1, 900) g;
-- A tree whose check looks for the parent in the same table, and whose first rows were moved to its end.
create table checks_that_read.tree (id int primary key, parent int);
create function checks_that_read.has_parent(p int) returns boolean language sql stable as $$ select p is null or exists (select from checks_that_read.tree where id = p) $$;
insert into checks_that_read.tree select g, nullif(g - 1, 0) from generate_series(1, 60) g;
alter table checks_that_read.tree add constraint rooted check (checks_that_read.has_parent(parent));
update checks_that_read.tree set id = id where id < 30;
-- Inherited by partitions, and again by theirs; one of a partition's own.
create table checks_that_read.by_year (year int, part int, room text, constraint room_is_there check (checks_that_read.fits(room, 1))) partition by list (year);
create table checks_that_read.y1 partition of checks_that_read.by_year (constraint early check (part < 100 and checks_that_read.fits(room, 1))) for values in (1) partition by list (part);
create table checks_that_read.y1_1 partition of checks_that_read.y1 for values in (1);
create table checks_that_read.y2 partition of checks_that_read.by_year default;
insert into checks_that_read.by_year select 1 + g % 2, 1, 'room ' || (1 + g % 30) from generate_series(1, 100) g;
-- A domain that reads, in a column, an array and a composite.
create domain checks_that_read.room_name as text constraint known_room check (checks_that_read.fits(value, 1));
create type checks_that_read.place as (room checks_that_read.room_name, floor int);
create table checks_that_read.a_visits (id int primary key, room checks_that_read.room_name, others checks_that_read.room_name[], at checks_that_read.place);
insert into checks_that_read.a_visits select g, 'room 3', '{room 4, room 5}', '("room 6",2)' from generate_series(1, 50) g;
