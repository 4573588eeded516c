-- report: rows that break a constraint that says valid: loaded with triggers off, or older than the function that judges them
-- tiers: weekly,monthly
-- query: select (select count(*) from broken_at_the_source.orders), (select count(*) from broken_at_the_source.codes), (select count(*) from broken_at_the_source.prices), (select count(*) from broken_at_the_source.old_marks), (select string_agg(conname || ' ' || contype::text, ',' order by conname) from pg_constraint where connamespace = 'broken_at_the_source'::regnamespace)
-- names: table constraint orders_buyer_fkey on broken_at_the_source.orders: definition: .* NOT VALID here \[4 rows break it, as they do at the source.*select \* from "broken_at_the_source"."orders".*validate constraint
-- names: table constraint long_enough on broken_at_the_source.codes: definition: .*\[2 rows break it.*validate constraint
-- names: domain constraint is_price on broken_at_the_source.price: definition: .*\[1 rows break it.*alter domain broken_at_the_source.price validate constraint is_price
-- names: table constraint not_over on broken_at_the_source.offers: definition: .*\[1 rows break it
-- names: table constraint late_buyer_too on broken_at_the_source.late: definition: .* NOT VALID here \[1 rows break it.*validate constraint
-- names: index broken_at_the_source.late_broken: missing: .*invalid at the source.*REINDEX INDEX CONCURRENTLY broken_at_the_source.late_broken
-- @as postgres
create schema broken_at_the_source;
create table broken_at_the_source.buyers (id int primary key, name text);
create table broken_at_the_source.orders (id int primary key, buyer int not null references broken_at_the_source.buyers, total int);
insert into broken_at_the_source.buyers select g, 'b' || g from generate_series(1, 50) g;
insert into broken_at_the_source.orders select g, g, 5 from generate_series(1, 50) g;
set session_replication_role = replica;
delete from broken_at_the_source.buyers where id > 46;
set session_replication_role = origin;
create function broken_at_the_source.good(text) returns boolean language sql immutable as $$ select length($1) > 0 $$;
create table broken_at_the_source.codes (id int primary key, code text constraint long_enough check (broken_at_the_source.good(code)));
insert into broken_at_the_source.codes values (1, 'a'), (2, 'bb'), (3, 'cccc');
create or replace function broken_at_the_source.good(text) returns boolean language sql immutable as $$ select length($1) > 2 $$;
create function broken_at_the_source.cheap(int) returns boolean language sql immutable as $$ select $1 < 100 $$;
create domain broken_at_the_source.price as int constraint is_price check (broken_at_the_source.cheap(value));
create table broken_at_the_source.prices (id int primary key, price broken_at_the_source.price);
insert into broken_at_the_source.prices values (1, 99), (2, 5);
create or replace function broken_at_the_source.cheap(int) returns boolean language sql immutable as $$ select $1 < 50 $$;
create table broken_at_the_source.offers (id int primary key, until timestamptz constraint not_over check (until > clock_timestamp()));
insert into broken_at_the_source.offers values (1, clock_timestamp() + interval '300 ms');
-- What says NOT VALID stays so, with the rows from before.
create domain broken_at_the_source.mark as int;
create table broken_at_the_source.old_marks (id int primary key, mark broken_at_the_source.mark, note text, buyer int);
insert into broken_at_the_source.old_marks values (1, -5, 'x', 1), (2, 3, 'y', 999);
alter domain broken_at_the_source.mark add constraint not_negative check (value >= 0) not valid;
alter table broken_at_the_source.old_marks add constraint no_x check (note <> 'x') not valid;
alter table broken_at_the_source.old_marks add constraint their_buyer foreign key (buyer) references broken_at_the_source.buyers not valid;
create table broken_at_the_source.heirs () inherits (broken_at_the_source.old_marks);
alter table broken_at_the_source.old_marks add constraint small check (id < 100) no inherit;
create table broken_at_the_source.parted (id int, buyer int) partition by list (id);
create table broken_at_the_source.parted_1 partition of broken_at_the_source.parted for values in (1);
create table broken_at_the_source.parted_2 (id int, buyer int);
insert into broken_at_the_source.parted_2 values (2, 777);
alter table broken_at_the_source.parted_2 add constraint late_buyer foreign key (buyer) references broken_at_the_source.buyers not valid;
alter table broken_at_the_source.parted attach partition broken_at_the_source.parted_2 for values in (2);
-- Its triggers were left off by a bulk load, and an index by a CREATE INDEX CONCURRENTLY that broke off.
create table broken_at_the_source.late (id int primary key, buyer int constraint late_buyer_too references broken_at_the_source.buyers);
create index late_broken on broken_at_the_source.late (buyer);
create table broken_at_the_source.halves (id int, k int) partition by list (id);
create table broken_at_the_source.halves_1 partition of broken_at_the_source.halves for values in (1);
create table broken_at_the_source.halves_2 partition of broken_at_the_source.halves for values in (2);
create index halves_k on only broken_at_the_source.halves (k);
create index halves_1_k on broken_at_the_source.halves_1 (k);
alter index broken_at_the_source.halves_k attach partition broken_at_the_source.halves_1_k;
-- @as superuser
alter table broken_at_the_source.late disable trigger all;
insert into broken_at_the_source.late values (1, 999);
set allow_system_table_mods = on;
update pg_index set indisvalid = false where indexrelid = 'broken_at_the_source.late_broken'::regclass;
