-- What hangs on tables: constraints, indexes, triggers, rules, policies, statistics.
with user_class as (
  select c.* from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and c.oid not in (select objid from pg_depend where classid = 'pg_class'::regclass and deptype = 'e')
)
select 'constraint' as kind, format('%I on %s', o.conname, c.oid::regclass) as identity,
  concat_ws(' ', pg_get_constraintdef(o.oid), case when not o.convalidated then 'not validated' end,
    case when not o.conislocal then 'inherited' end, 'parents ' || nullif(o.coninhcount, 0)) as definition
from pg_constraint as o join user_class as c on c.oid = o.conrelid
union all
select 'domain constraint', format('%I on %s', o.conname, o.contypid::regtype),
  concat_ws(' ', pg_get_constraintdef(o.oid), case when not o.convalidated then 'not validated' end)
from pg_constraint as o where o.contypid <> 0 and o.contype <> 'n' and o.connamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
union all
select 'index', i.indexrelid::regclass::text,
  concat_ws(' ', pg_get_indexdef(i.indexrelid), case when not i.indisvalid then 'invalid' end, case when i.indisclustered then 'clustered' end,
    case when i.indisreplident then 'replica identity' end,
    'statistics ' || (select string_agg(attnum || '=' || attstattarget, ',' order by attnum) from pg_attribute where attrelid = i.indexrelid and attstattarget >= 0))
from pg_index as i join user_class as c on c.oid = i.indexrelid
union all
select 'trigger', format('%I on %s', t.tgname, c.oid::regclass), pg_get_triggerdef(t.oid) || ' enabled ' || t.tgenabled::text
from pg_trigger as t join user_class as c on c.oid = t.tgrelid where not t.tgisinternal
union all
select 'rule', format('%I on %s', r.rulename, c.oid::regclass), pg_get_ruledef(r.oid) || ' enabled ' || r.ev_enabled::text
from pg_rewrite as r join user_class as c on c.oid = r.ev_class where r.rulename <> '_RETURN'
union all
select 'policy', format('%I on %s', p.polname, c.oid::regclass),
  concat_ws(' ', p.polcmd, case when p.polpermissive then 'permissive' else 'restrictive' end,
    'to ' || (select string_agg(case r when 0 then 'public' else r::regrole::text end, ',' order by r::regrole::text) from unnest(p.polroles) as r),
    'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid))
from pg_policy as p join user_class as c on c.oid = p.polrelid
union all
select 'statistics', format('%s.%I', s.stxnamespace::regnamespace, s.stxname),
  concat_ws(' ', pg_get_statisticsobjdef(s.oid), 'owner', s.stxowner::regrole, 'target ' || nullif(s.stxstattarget, -1))
from pg_statistic_ext as s
