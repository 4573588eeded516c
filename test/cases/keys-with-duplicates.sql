-- report: values that stand twice under a key: its index was corrupted, and does not know of them
-- alone: yes
-- tiers: weekly,monthly
-- fails: table constraint people_pkey on keys_with_duplicates\.people: missing: .*\[23505, 2 values of this key stand in more than one row of keys_with_duplicates\.people\. See them with: select id, count\(\*\) from .*; when they are repaired: ALTER TABLE .*PRIMARY KEY \(id\);\]
-- fails: index keys_with_duplicates\.people_mail: missing: .*\[23505, 1 values of this key .*select lower\(mail\), count\(\*\) from .*where \(\(?id > 0\)?\) and .*CREATE UNIQUE INDEX people_mail
-- query: select string_agg(p::text, ';' order by p::text) from keys_with_duplicates.people p
-- @as postgres
create schema keys_with_duplicates;
create table keys_with_duplicates.people (id int constraint people_pkey primary key, mail text, note text);
create unique index people_mail on keys_with_duplicates.people (lower(mail) text_pattern_ops) where id > 0;
insert into keys_with_duplicates.people select g, g || '@example.org', null from generate_series(1, 20) g;
-- @as superuser
set allow_system_table_mods = on;
update pg_index set indisready = false where indrelid = 'keys_with_duplicates.people'::regclass;
insert into keys_with_duplicates.people values (1, null, 'again'), (1, null, 'and again'), (2, '3@EXAMPLE.org', 'again');
update pg_index set indisready = true where indrelid = 'keys_with_duplicates.people'::regclass;
