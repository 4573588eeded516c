-- report: an enum hashes by its OID, which a restore changes: rows of a hash partition belong into another one there, and pg_dump loads them through the root
-- tiers: weekly, monthly
-- query: select (select md5(string_agg(s::text, '|' order by n)) from hashed_by_numbers.shirts s), (select md5(string_agg(f::text, '|' order by n)) from hashed_by_numbers.fits f), (select md5(string_agg(w::text, '|' order by n)) from hashed_by_numbers.wardrobe w), (select md5(string_agg(d::text, '|' order by n)) from hashed_by_numbers.drawers d), (select count(*) from hashed_by_numbers.worn join hashed_by_numbers.shirts using (size, n))
-- @as postgres
create schema hashed_by_numbers;
create type hashed_by_numbers.size as enum ('tall', 'small', 'wide');
create type hashed_by_numbers.fit as (size hashed_by_numbers.size, narrow boolean);
create domain hashed_by_numbers.some_size as hashed_by_numbers.size not null;

-- with a key, what refers to it, a value that is computed, and a partition whose columns stand in another order
create table hashed_by_numbers.shirts (size hashed_by_numbers.size, n int, note text, shout text generated always as (upper(note)) stored,
  primary key (size, n)) partition by hash (size);
create table hashed_by_numbers."shirts 0" partition of hashed_by_numbers.shirts for values with (modulus 3, remainder 0);
create table hashed_by_numbers.shirts_1 (shout text generated always as (upper(note)) stored, note text, n int not null, size hashed_by_numbers.size not null);
alter table hashed_by_numbers.shirts attach partition hashed_by_numbers.shirts_1 for values with (modulus 3, remainder 1);
create table hashed_by_numbers.shirts_2 partition of hashed_by_numbers.shirts for values with (modulus 3, remainder 2);
create index on hashed_by_numbers.shirts (note);
insert into hashed_by_numbers.shirts select ('{tall,small,wide}'::hashed_by_numbers.size[])[1 + i % 3], i, 'note ' || i from generate_series(1, 60) i;
create table hashed_by_numbers.worn (size hashed_by_numbers.size, n int, foreign key (size, n) references hashed_by_numbers.shirts);
insert into hashed_by_numbers.worn select size, n from hashed_by_numbers.shirts where n % 7 = 0;

-- below a range, so that only some of a root's partitions hash
create table hashed_by_numbers.drawers (n int, size hashed_by_numbers.some_size) partition by range (n);
create table hashed_by_numbers.drawers_low partition of hashed_by_numbers.drawers for values from (0) to (30) partition by hash (size, n);
create table hashed_by_numbers.drawers_low_0 partition of hashed_by_numbers.drawers_low for values with (modulus 2, remainder 0);
create table hashed_by_numbers.drawers_low_1 partition of hashed_by_numbers.drawers_low for values with (modulus 2, remainder 1);
create table hashed_by_numbers.drawers_high partition of hashed_by_numbers.drawers for values from (30) to (100);
insert into hashed_by_numbers.drawers select i, ('{tall,small,wide}'::hashed_by_numbers.size[])[1 + i % 3] from generate_series(1, 60) i;

-- what pg_dump does not look into: an enum within a composite type and within an array
create table hashed_by_numbers.fits (fit hashed_by_numbers.fit, n int) partition by hash (fit);
create table hashed_by_numbers.fits_0 partition of hashed_by_numbers.fits for values with (modulus 2, remainder 0);
create table hashed_by_numbers.fits_1 partition of hashed_by_numbers.fits for values with (modulus 2, remainder 1);
insert into hashed_by_numbers.fits select row(('{tall,small,wide}'::hashed_by_numbers.size[])[1 + i % 3], i % 2 = 0)::hashed_by_numbers.fit, i from generate_series(1, 40) i;
create table hashed_by_numbers.wardrobe (sizes hashed_by_numbers.size[], n int) partition by hash (sizes);
create table hashed_by_numbers.wardrobe_0 partition of hashed_by_numbers.wardrobe for values with (modulus 2, remainder 0);
create table hashed_by_numbers.wardrobe_1 partition of hashed_by_numbers.wardrobe for values with (modulus 2, remainder 1);
insert into hashed_by_numbers.wardrobe select array_fill(('{tall,small,wide}'::hashed_by_numbers.size[])[1 + i % 3], array[1 + i % 4]), i from generate_series(1, 40) i;
