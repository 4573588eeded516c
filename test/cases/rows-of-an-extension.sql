-- report: tables that an extension keeps for itself and does not declare to pg_dump: what an audit wrote down was gone
-- tiers: weekly,monthly
-- query: select (select string_agg(id || what || at, ' ' order by id) from lab_audit.entries) || (select last_value from lab_audit.entries_id_seq) || (select count(*) from lab_audit.kinds) || (select value from lab_audit.settings)
-- @as postgres
create extension lab_audit;
select lab_audit.record(what) from (values ('one'), (E'two\t\\N'), (null)) v (what);
insert into lab_audit.settings values ('keep', 'for ever');
