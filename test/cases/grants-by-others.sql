-- report: rights that were passed on by somebody who had them with the grant option
-- tiers: weekly
-- query: select string_agg(t, ';' order by t) from (select concat_ws(' ', c.relname, a.grantor::regrole, a.grantee::regrole, a.privilege_type, a.is_grantable) as t from pg_class c cross join aclexplode(c.relacl) a where c.relnamespace = 'grants_by_others'::regnamespace and a.privilege_type <> 'MAINTAIN' union all select concat_ws(' ', 'schema', a.grantor::regrole, a.grantee::regrole, a.privilege_type, a.is_grantable) from pg_namespace n cross join aclexplode(n.nspacl) a where n.nspname = 'grants_by_others' union all select concat_ws(' ', c.relname, t.attname, a.grantor::regrole, a.grantee::regrole, a.privilege_type) from pg_class c join pg_attribute t on t.attrelid = c.oid cross join aclexplode(t.attacl) a where c.relnamespace = 'grants_by_others'::regnamespace union all select concat_ws(' ', d.defaclrole::regrole, d.defaclobjtype, a.grantee::regrole, a.privilege_type) from pg_default_acl d cross join aclexplode(d.defaclacl) a where d.defaclnamespace = 'grants_by_others'::regnamespace) q
-- @as postgres
create schema grants_by_others;
create role gbo_head nologin; create role gbo_second nologin; create role gbo_third nologin; create role gbo_reader nologin;
grant gbo_head, gbo_second, gbo_third to postgres;
create table grants_by_others.files (id int primary key, name text, body text);
create function grants_by_others.open() returns int language sql as 'select 1';
create sequence grants_by_others.numbers;
grant usage on schema grants_by_others to gbo_head with grant option;
grant select, update on grants_by_others.files to gbo_head with grant option;
grant select (name), update (name) on grants_by_others.files to gbo_second with grant option;
grant execute on function grants_by_others.open() to gbo_head with grant option;
grant usage on sequence grants_by_others.numbers to gbo_head with grant option;
set role gbo_head;
grant usage on schema grants_by_others to gbo_second with grant option;
grant select on grants_by_others.files to gbo_second with grant option;
grant execute on function grants_by_others.open() to gbo_second with grant option;
grant usage on sequence grants_by_others.numbers to gbo_reader;
set role gbo_second;
grant usage on schema grants_by_others to gbo_third, gbo_reader;
grant select on grants_by_others.files to gbo_third with grant option;
grant update (name) on grants_by_others.files to gbo_reader;
grant execute on function grants_by_others.open() to gbo_third;
set role gbo_third;
grant select on grants_by_others.files to gbo_reader;
set role gbo_head;
alter default privileges in schema grants_by_others grant select on tables to gbo_reader;
reset role;
revoke execute on function grants_by_others.open() from public;
