-- Functions, types, operators, casts, collations, text search, extensions, event triggers, publications.
-- Left out: members of extensions, and what belongs to another object (a range's constructors are the bootstrap superuser's).
with member as (
  select classid, objid from pg_depend
  where deptype = 'e' or deptype = 'i' and classid = 'pg_proc'::regclass and refclassid = 'pg_type'::regclass
),
spaces as (select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
select 'schema' as kind, nspname::text as identity, 'owner ' || nspowner::regrole as definition
from pg_namespace where oid in (select oid from spaces)
union all
select case p.prokind when 'a' then 'aggregate' when 'p' then 'procedure' else 'function' end, p.oid::regprocedure::text,
  'owner ' || p.proowner::regrole || ' ' || case p.prokind when 'a' then
    (select concat_ws(' ', a.aggkind, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggtranstype::regtype, a.agginitval, p.proparallel) from pg_aggregate as a where a.aggfnoid = p.oid)
    else pg_get_functiondef(p.oid) end
from pg_proc as p where p.pronamespace in (select oid from spaces) and ('pg_proc'::regclass, p.oid) not in (select classid, objid from member)
union all
select 'type', t.oid::regtype::text,
  concat_ws(' ', t.typtype, 'owner ' || t.typowner::regrole,
    (select string_agg(quote_literal(enumlabel), ',' order by enumsortorder) from pg_enum where enumtypid = t.oid),
    case when t.typtype = 'd' then concat_ws(' ', format_type(t.typbasetype, t.typtypmod), case when t.typnotnull then 'not null' end,
      'default ' || t.typdefault, 'collate ' || nullif(t.typcollation, 0)::regcollation) end,
    (select concat_ws(' ', rngsubtype::regtype, rngmultitypid::regtype, nullif(rngcollation, 0)::regcollation, nullif(rngsubdiff::oid, 0)::regproc) from pg_range where rngtypid = t.oid))
from pg_type as t where t.typtype in ('e', 'd', 'r', 'b') and t.typelem = 0 and t.typnamespace in (select oid from spaces)
  and ('pg_type'::regclass, t.oid) not in (select classid, objid from member)
union all
select 'operator', o.oid::regoperator::text, concat_ws(' ', o.oprcode, o.oprresult::regtype, nullif(o.oprcom, 0)::regoperator, nullif(o.oprnegate, 0)::regoperator, 'owner', o.oprowner::regrole)
from pg_operator as o where o.oprnamespace in (select oid from spaces) and ('pg_operator'::regclass, o.oid) not in (select classid, objid from member)
union all
select 'cast', format('%s as %s', c.castsource::regtype, c.casttarget::regtype), concat_ws(' ', nullif(c.castfunc, 0)::regprocedure, c.castcontext, c.castmethod)
from pg_cast as c where c.oid >= 16384 and ('pg_cast'::regclass, c.oid) not in (select classid, objid from member)
union all
select 'collation', c.oid::regcollation::text, concat_ws(' ', c.collprovider, c.collcollate, c.collctype, c.collisdeterministic, 'owner', c.collowner::regrole)
from pg_collation as c where c.collnamespace in (select oid from spaces)
union all
select 'text search configuration', c.oid::regconfig::text, concat_ws(' ', 'owner', c.cfgowner::regrole,
  (select string_agg(m.maptokentype || ':' || m.mapdict::regdictionary, ',' order by m.maptokentype, m.mapseqno) from pg_ts_config_map as m where m.mapcfg = c.oid))
from pg_ts_config as c where c.cfgnamespace in (select oid from spaces)
union all
select 'text search dictionary', d.oid::regdictionary::text, concat_ws(' ', 'owner', d.dictowner::regrole, d.dicttemplate, d.dictinitoption)
from pg_ts_dict as d where d.dictnamespace in (select oid from spaces) and ('pg_ts_dict'::regclass, d.oid) not in (select classid, objid from member)
union all
select 'extension', extname::text, concat_ws(' ', extversion, 'in', extnamespace::regnamespace) from pg_extension
union all
select 'event trigger', evtname::text, concat_ws(' ', evtevent, evtfoid::regprocedure, 'enabled', evtenabled, 'tags ' || evttags::text, 'owner', evtowner::regrole)
from pg_event_trigger
union all
select 'publication', p.pubname::text, concat_ws(' ', 'owner', p.pubowner::regrole, case when p.puballtables then 'all tables' end,
  p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, case when p.pubviaroot then 'via root' end,
  (select string_agg(pnnspid::regnamespace::text, ',' order by pnnspid::regnamespace::text) from pg_publication_namespace where pnpubid = p.oid))
from pg_publication as p
union all
select 'published table', format('%s in %I', r.prrelid::regclass, p.pubname), concat_ws(' ', 'columns',
  (select string_agg(a.attname, ',' order by a.attnum) from pg_attribute as a where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)),
  'where ' || pg_get_expr(r.prqual, r.prrelid))
from pg_publication_rel as r join pg_publication as p on p.oid = r.prpubid
