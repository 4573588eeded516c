-- Roles, memberships, settings, comments, large objects, and the database itself. One membership that two grantors have given counts once:
-- a cluster is shared by tests, and some restore into it as another superuser.
select 'role' as kind, rolname::text as identity,
  concat_ws(' ', case when rolsuper then 'superuser' end, case when rolinherit then 'inherit' end, case when rolcreaterole then 'createrole' end,
    case when rolcreatedb then 'createdb' end, case when rolcanlogin then 'login' end, case when rolreplication then 'replication' end,
    case when rolbypassrls then 'bypassrls' end, 'limit ' || rolconnlimit, 'until ' || rolvaliduntil) as definition
from pg_roles where rolname !~ '^pg_' and oid >= 16384
union all
select 'membership', format('%s in %s', m.member::regrole, m.roleid::regrole), string_agg(distinct
  concat_ws(' ', case when m.admin_option then 'admin' end, 'inherit ' || (to_jsonb(m) ->> 'inherit_option'), 'set ' || (to_jsonb(m) ->> 'set_option')), ', ')
from pg_auth_members as m where m.member >= 16384 group by m.member, m.roleid
union all
select 'role setting', format('%s%s', case s.setrole when 0 then 'everybody' else s.setrole::regrole::text end, case s.setdatabase when 0 then '' else ' in this database' end),
  (select string_agg(setting, ', ' order by setting) from unnest(s.setconfig) as setting where setting not like 'lab.%')
from pg_db_role_setting as s where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and exists (select from unnest(s.setconfig) as setting where setting not like 'lab.%')
union all
select 'comment', format('%s %s', i.type, i.identity), string_agg(d.description, ' ' order by d.description)
from pg_description as d, pg_identify_object(d.classoid, d.objoid, d.objsubid) as i
where d.objoid >= 16384 and not exists (select from pg_depend as e where e.classid = d.classoid and e.objid = d.objoid and e.deptype = 'e')
  and i.type <> 'extension'
group by i.type, i.identity
union all
select 'comment', 'role ' || r.rolname, d.description from pg_shdescription as d join pg_roles as r on r.oid = d.objoid where d.classoid = 'pg_authid'::regclass and r.oid >= 16384
union all
select 'large object', m.oid::text, concat_ws(' ', 'owner', m.lomowner::regrole, 'md5', md5(lo_get(m.oid))) from pg_largeobject_metadata as m
union all
select 'database', 'this one', concat_ws(' ', pg_encoding_to_char(encoding), datcollate, datctype, 'owner', datdba::regrole)
from pg_database where datname = current_database()
union all
select 'server', 'major', (current_setting('server_version_num')::integer / 10000)::text
