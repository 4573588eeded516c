import { firstUserOid, objectQuery, placedByUser } from "./object-query.ts";

const aggregateDefinition = `
  (select concat_ws(' ', 'aggregate', pg_get_function_arguments(p.oid), 'kind', g.aggkind, 'sfunc', g.aggtransfn,
            'stype', format_type(g.aggtranstype, null), 'sspace', g.aggtransspace, 'initial', quote_nullable(g.agginitval),
            'final', nullif(g.aggfinalfn::oid, 0)::regproc, g.aggfinalextra, g.aggfinalmodify,
            'combine', nullif(g.aggcombinefn::oid, 0)::regproc, 'serial', nullif(g.aggserialfn::oid, 0)::regproc,
            'deserial', nullif(g.aggdeserialfn::oid, 0)::regproc, 'moving', nullif(g.aggmtransfn::oid, 0)::regproc,
            nullif(g.aggminvtransfn::oid, 0)::regproc, nullif(g.aggmfinalfn::oid, 0)::regproc,
            quote_nullable(g.aggminitval), 'parallel', p.proparallel,
            'sort operator', nullif(g.aggsortop, 0)::regoperator)
     from pg_aggregate g where g.aggfnoid = p.oid)`;

/** Functions, procedures, window functions and aggregates. */
export const routinesQuery = objectQuery(`
  select 'pg_proc'::regclass::oid as classid, p.oid, p.proowner as owner,
         coalesce(p.proacl, acldefault('f', p.proowner)) as acl,
         case when exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
              then ''
              when p.prokind = 'a' then ${aggregateDefinition}
              else pg_get_functiondef(p.oid) end as definition,
         true as listed
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
   where ${placedByUser("n", "p.oid")}
     and not exists (select from pg_depend d
                      where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i')`);

export const languagesQuery = objectQuery(`
  select 'pg_language'::regclass::oid as classid, l.oid, l.lanowner as owner,
         coalesce(l.lanacl, acldefault('l', l.lanowner)) as acl,
         concat_ws(' ', l.lanpltrusted, nullif(l.lanplcallfoid, 0)::regprocedure, nullif(l.laninline, 0)::regprocedure,
           nullif(l.lanvalidator, 0)::regprocedure) as definition,
         true as listed
    from pg_language l
   where l.lanispl and l.oid >= ${firstUserOid}`);

export const castsQuery = objectQuery(`
  select 'pg_cast'::regclass::oid as classid, c.oid, 0::oid as owner, null::aclitem[] as acl,
         concat_ws(' ', nullif(c.castfunc, 0)::regprocedure, c.castcontext, c.castmethod) as definition, true as listed
    from pg_cast c
   where c.oid >= ${firstUserOid}
     and not exists (select from pg_range r where r.rngtypid = c.castsource and c.castmethod = 'f'
                      and to_jsonb(r)->>'rngmultitypid' = c.casttarget::text)`);

export const transformsQuery = objectQuery(`
  select 'pg_transform'::regclass::oid as classid, t.oid, 0::oid as owner, null::aclitem[] as acl,
         concat_ws(' ', nullif(t.trffromsql::oid, 0)::regprocedure, nullif(t.trftosql::oid, 0)::regprocedure) as definition,
         true as listed
    from pg_transform t where t.oid >= ${firstUserOid}`);

export const operatorsQuery = objectQuery(`
  select 'pg_operator'::regclass::oid as classid, o.oid, o.oprowner as owner, null::aclitem[] as acl,
         concat_ws(' ', o.oprcode::oid::regprocedure, 'result', o.oprresult::regtype, 'commutator',
           nullif(o.oprcom, 0)::regoperator, 'negator', nullif(o.oprnegate, 0)::regoperator,
           'restrict', nullif(o.oprrest::oid, 0)::regproc, 'join', nullif(o.oprjoin::oid, 0)::regproc,
           case when o.oprcanhash then 'hashes' end, case when o.oprcanmerge then 'merges' end) as definition,
         o.oprcode <> 0 as listed
    from pg_operator o
    join pg_namespace n on n.oid = o.oprnamespace
   where o.oprcode <> 0 and ${placedByUser("n", "o.oid")}`);

const familyMembers = (family: string) => `
  (select string_agg(m, '; ' order by m collate "C") from (
     select format('operator %s %s %s', ao.amopstrategy, ao.amopopr::regoperator, ao.amoppurpose) as m
       from pg_amop ao where ao.amopfamily = ${family}
     union all
     select format('function %s (%s, %s) %s', ap.amprocnum, ap.amproclefttype::regtype, ap.amprocrighttype::regtype,
                   ap.amproc::oid::regprocedure)
       from pg_amproc ap where ap.amprocfamily = ${family}) q)`;

/** Families made by hand are listed; one that came with its class travels with it, members counted there. */
export const operatorFamiliesQuery = objectQuery(`
  select 'pg_opfamily'::regclass::oid as classid, f.oid, f.opfowner as owner, null::aclitem[] as acl,
         coalesce(${familyMembers("f.oid")}, '') as definition, false as listed
    from pg_opfamily f
    join pg_namespace n on n.oid = f.opfnamespace
   where ${placedByUser("n", "f.oid")}`);

export const operatorClassesQuery = objectQuery(`
  select 'pg_opclass'::regclass::oid as classid, c.oid, c.opcowner as owner, null::aclitem[] as acl,
         concat_ws(' ', (select a.amname from pg_am a where a.oid = c.opcmethod), c.opcintype::regtype,
           case when c.opcdefault then 'default' end, nullif(c.opckeytype, 0)::regtype) as definition,
         true as listed
    from pg_opclass c
    join pg_namespace n on n.oid = c.opcnamespace
   where ${placedByUser("n", "c.oid")}`);
