-- report: a function got a namesake later whose every argument has a default; what called the first one still does, but no dump of it can be read
-- tiers: weekly,monthly
-- query: select (select string_agg(tenant || ' ' || id, ',' order by id) from namesakes.notes), (select count(*) from namesakes.seen)
-- @as postgres
create schema namesakes;
create function namesakes.tenant() returns text language sql stable as 'select ''first''::text';
create table namesakes.notes (id int primary key, tenant text default namesakes.tenant() check (namesakes.tenant() is not null and id between 1 and 900 and id <> 7));
alter table namesakes.notes enable row level security;
create policy own on namesakes.notes for select using (tenant = namesakes.tenant());
create view namesakes.seen as select id from namesakes.notes where tenant = namesakes.tenant();
create function namesakes.tenant(odd text default 'second') returns text language sql stable as 'select odd';
insert into namesakes.notes (id) values (1), (2);
