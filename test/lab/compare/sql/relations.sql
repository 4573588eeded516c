-- Tables, views, sequences, composite types: what they are, whose, and how they are stored.
with member as (select objid from pg_depend where classid = 'pg_class'::regclass and deptype = 'e')
select
  case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view' when 'm' then 'materialized view'
    when 'S' then 'sequence' when 'f' then 'foreign table' when 'c' then 'composite type' else c.relkind::text end as kind,
  c.oid::regclass::text as identity,
  concat_ws(' ',
    'owner ' || c.relowner::regrole,
    'persistence ' || c.relpersistence::text,
    'options ' || c.reloptions::text,
    'toast options ' || (select t.reloptions::text from pg_class as t where t.oid = c.reltoastrelid),
    'method ' || (select amname from pg_am where oid = c.relam),
    case when c.relrowsecurity then 'rls' end,
    case when c.relforcerowsecurity then 'forced rls' end,
    'replica identity ' || c.relreplident::text,
    case when not c.relispopulated then 'unpopulated' end,
    'of type ' || nullif(c.reloftype, 0)::regtype,
    'partition by ' || pg_get_partkeydef(c.oid),
    'bound ' || pg_get_expr(c.relpartbound, c.oid),
    'inherits ' || (select string_agg(i.inhparent::regclass::text, ',' order by i.inhseqno) from pg_inherits as i where i.inhrelid = c.oid),
    case when c.relkind in ('v', 'm') then 'as ' || pg_get_viewdef(c.oid) end
  ) as definition
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind not in ('i', 'I', 't')
  and c.oid not in (select objid from member)
union all
select 'column', format('%s.%I', a.attrelid::regclass, a.attname),
  concat_ws(' ',
    'number ' || (select count(*) from pg_attribute as b where b.attrelid = a.attrelid and b.attnum between 1 and a.attnum and not b.attisdropped),
    format_type(a.atttypid, a.atttypmod),
    case when a.attnotnull then 'not null' end,
    'collate ' || nullif(a.attcollation, t.typcollation)::regcollation,
    'generated ' || nullif(a.attgenerated::text, ''),
    'identity ' || nullif(a.attidentity::text, ''),
    'default ' || pg_get_expr(d.adbin, d.adrelid),
    'storage ' || a.attstorage::text,
    'compression ' || nullif(a.attcompression::text, ''),
    'statistics ' || nullif(a.attstattarget, -1),
    'options ' || a.attoptions::text,
    case when not a.attislocal then 'inherited' end,
    'parents ' || nullif(a.attinhcount, 0))
from pg_attribute as a
join pg_class as c on c.oid = a.attrelid join pg_namespace as n on n.oid = c.relnamespace
join pg_type as t on t.oid = a.atttypid
left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.oid not in (select objid from member)
union all
select 'sequence definition', s.seqrelid::regclass::text,
  concat_ws(' ', s.seqtypid::regtype, 'start', s.seqstart, 'by', s.seqincrement, 'from', s.seqmin, 'to', s.seqmax, 'cache', s.seqcache,
    case when s.seqcycle then 'cycle' end,
    (select format('owned by %s.%I %s', d.refobjid::regclass, a.attname, d.deptype) from pg_depend as d
      join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      where d.classid = 'pg_class'::regclass and d.objid = s.seqrelid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')))
from pg_sequence as s where s.seqrelid not in (select objid from member)
