-- Who may do what, one line for each privilege; built-in defaults are spelled out, so that NULL equals what it means.
-- MAINTAIN exists since 17 and would be a difference between majors that nobody made.
-- Left out: members of extensions, and what belongs to another object (a range's constructors are the bootstrap superuser's).
with member as (
  select classid, objid from pg_depend
  where deptype = 'e' or deptype = 'i' and classid = 'pg_proc'::regclass and refclassid = 'pg_type'::regclass
),
spaces as (select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
lists as (
  select 'schema ' || quote_ident(nspname) as object, coalesce(nspacl, acldefault('n', nspowner)) as acl from pg_namespace where oid in (select oid from spaces)
  union all
  select 'relation ' || c.oid::regclass, coalesce(c.relacl, acldefault((case c.relkind when 'S' then 's' else 'r' end)::"char", c.relowner))
  from pg_class as c where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relnamespace in (select oid from spaces)
    and ('pg_class'::regclass, c.oid) not in (select classid, objid from member)
  union all
  select format('column %s.%I', a.attrelid::regclass, a.attname), a.attacl
  from pg_attribute as a join pg_class as c on c.oid = a.attrelid where a.attacl is not null and not a.attisdropped and c.relnamespace in (select oid from spaces)
  union all
  select 'function ' || p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner))
  from pg_proc as p where p.pronamespace in (select oid from spaces) and ('pg_proc'::regclass, p.oid) not in (select classid, objid from member)
  union all
  select 'type ' || t.oid::regtype, coalesce(t.typacl, acldefault('T', t.typowner))
  from pg_type as t where t.typtype in ('e', 'd', 'r', 'c') and t.typnamespace in (select oid from spaces)
    and not exists (select from pg_class as c where c.oid = t.typrelid and c.relkind <> 'c')
    and ('pg_type'::regclass, t.oid) not in (select classid, objid from member)
  union all
  select 'language ' || lanname, coalesce(lanacl, acldefault('l', lanowner)) from pg_language where lanpltrusted
  union all
  select 'large object ' || oid, coalesce(lomacl, acldefault('L', lomowner)) from pg_largeobject_metadata
  union all
  select 'database', coalesce(datacl, acldefault('d', datdba)) from pg_database where datname = current_database()
  union all
  select 'default for ' || d.defaclobjtype::text || ' of ' || d.defaclrole::regrole || coalesce(' in ' || nullif(d.defaclnamespace, 0)::regnamespace, ''), d.defaclacl
  from pg_default_acl as d
)
select 'grant' as kind,
  format('%s on %s to %s', lower(e.privilege_type), l.object, case e.grantee when 0 then 'public' else e.grantee::regrole::text end) as identity,
  string_agg('by ' || e.grantor::regrole || case when e.is_grantable then ' with grant option' else '' end, ', ' order by e.grantor::regrole::text) as definition
from lists as l, aclexplode(l.acl) as e
where e.privilege_type <> 'MAINTAIN'
group by l.object, e.privilege_type, e.grantee
