-- report: views that group by a primary key are made after the key, and what reads them after that: in one file of SQL only the order says so
-- tiers: weekly,monthly
-- query: select (select count(*) from grouped.ranking), (select max(points) from grouped.podium), (select count(*) from grouped.winners())
-- @as postgres
create schema grouped;
create table grouped.teams (id int primary key, name text, league int);
create table grouped.games (id int primary key, team int references grouped.teams, points numeric);
insert into grouped.teams select g, 'team ' || g, g % 4 from generate_series(1, 12) g;
insert into grouped.games select g, 1 + g % 12, g % 7 from generate_series(1, 200) g;
create view grouped.standings as select t.id, t.name, t.league, sum(g.points) as points from grouped.teams t join grouped.games g on g.team = t.id group by t.id;
create materialized view grouped.podium as select * from grouped.standings where points > 20;
create unique index podium_team on grouped.podium (id);
create materialized view grouped.ranking as select t.id, t.name, count(*) as games from grouped.teams t join grouped.games g on g.team = t.id group by t.id;
create unique index on grouped.ranking (id);
create materialized view grouped.best as select r.name, p.points from grouped.ranking r join grouped.podium p using (id);
create index on grouped.best (points) where points between 1 and 100 and name <> '';
create function grouped.winners() returns setof grouped.standings language sql stable
  begin atomic select * from grouped.standings where points > (select avg(points) from grouped.podium); end;
create view grouped.named_winners as select name, points from grouped.winners();
create rule score as on insert to grouped.standings do instead insert into grouped.games values (1000 + new.id, new.id, new.points);
create function grouped.label(grouped.standings) returns text language sql stable as $$ select $1.name || ' ' || $1.points $$;
comment on materialized view grouped.podium is 'reads a view that needs the key';
grant select on grouped.best to authenticated;
