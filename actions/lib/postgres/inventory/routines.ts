import { firstUserOid, objectQuery, ownSchema, placedByUser } from "./object-query.ts";

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

const enumLabels = `(select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
                       from pg_enum e where e.enumtypid = t.oid)`;

const compositeColumns = `
  (select string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
            case when a.attcollation <> b.typcollation then 'collate ' || a.attcollation::regcollation::text end,
            'comment ' || quote_literal(d.description)), ', ' order by a.attnum)
     from pg_attribute a join pg_type b on b.oid = a.atttypid
     left join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = a.attrelid and d.objsubid = a.attnum
    where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)`;

const rangeParts = `
  (select concat_ws(' ', r.rngsubtype::regtype, nullif(r.rngcollation, 0)::regcollation,
            (select oc.opcname from pg_opclass oc where oc.oid = r.rngsubopc), nullif(r.rngcanonical::oid, 0)::regproc,
            nullif(r.rngsubdiff::oid, 0)::regproc, r.rngmultitypid::regtype)
     from pg_range r where r.rngtypid = t.oid)`;

/**
 * Types that somebody made: enums, domains, composites, ranges and base types. The row types of tables, array types and
 * multiranges come and go with what they belong to.
 */
export const dataTypesQuery = objectQuery(`
  select 'pg_type'::regclass::oid as classid, t.oid, t.typowner as owner,
         coalesce(t.typacl, acldefault('T', t.typowner)) as acl,
         case t.typtype
           when 'e' then 'enum ' || coalesce(${enumLabels}, '')
           when 'd' then concat_ws(' ', 'domain', format_type(t.typbasetype, t.typtypmod),
             case when t.typcollation <> b.typcollation then 'collate ' || t.typcollation::regcollation::text end,
             case when t.typnotnull then 'not null' end,
             'default ' || coalesce(pg_get_expr(t.typdefaultbin, 0), quote_literal(t.typdefault)))
           when 'c' then 'composite ' || coalesce(${compositeColumns}, '')
           when 'r' then 'range ' || ${rangeParts}
           else concat_ws(' ', 'base', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, t.typbyval,
             t.typalign, t.typstorage, t.typcategory, t.typispreferred, t.typdelim, t.typdefault,
             nullif(t.typelem, 0)::regtype)
         end as definition,
         t.typisdefined as listed
    from pg_type t
    join pg_namespace n on n.oid = t.typnamespace
    left join pg_class c on c.oid = t.typrelid
    left join pg_type b on b.oid = t.typbasetype
   where ${placedByUser("n", "t.oid")} and t.typtype in ('e', 'd', 'c', 'r', 'b') and (t.typtype <> 'c' or c.relkind = 'c')
     and not (t.typelem <> 0 and t.typcategory = 'A')`);

// Without the encoding: a copy of "C" has none and pg_dump makes it one of this database's, which is the same collation.
export const collationsQuery = objectQuery(`
  select 'pg_collation'::regclass::oid as classid, c.oid, c.collowner as owner, null::aclitem[] as acl,
         concat_ws(' ', c.collprovider, case when c.collisdeterministic then 'deterministic' else 'nondeterministic' end,
           c.collcollate, c.collctype,
           coalesce(to_jsonb(c)->>'colllocale', to_jsonb(c)->>'colliculocale'), to_jsonb(c)->>'collicurules') as definition,
         true as listed
    from pg_collation c
    join pg_namespace n on n.oid = c.collnamespace
   where ${ownSchema("n")}`);

export const conversionsQuery = objectQuery(`
  select 'pg_conversion'::regclass::oid as classid, c.oid, c.conowner as owner, null::aclitem[] as acl,
         concat_ws(' ', pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding), c.conproc,
           c.condefault) as definition,
         true as listed
    from pg_conversion c
    join pg_namespace n on n.oid = c.connamespace
   where ${placedByUser("n", "c.oid")}`);

const inSchema = (column: string) =>
  `join pg_namespace n on n.oid = ${column} where ${placedByUser("n", `${column.split(".", 1)[0]}.oid`)}`;

/** The four kinds of text search objects. */
export const textSearchQueries = [
  objectQuery(`
    select 'pg_ts_config'::regclass::oid as classid, c.oid, c.cfgowner as owner, null::aclitem[] as acl,
           concat_ws(' ', (select quote_ident(p.prsname) from pg_ts_parser p where p.oid = c.cfgparser),
             (select string_agg(format('%s %s %s', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), '; '
                                order by m.maptokentype, m.mapseqno)
                from pg_ts_config_map m where m.mapcfg = c.oid)) as definition,
           true as listed
      from pg_ts_config c ${inSchema("c.cfgnamespace")}`),
  objectQuery(`
    select 'pg_ts_dict'::regclass::oid as classid, d.oid, d.dictowner as owner, null::aclitem[] as acl,
           concat_ws(' ', (select quote_ident(t.tmplname) from pg_ts_template t where t.oid = d.dicttemplate),
             d.dictinitoption) as definition,
           true as listed
      from pg_ts_dict d ${inSchema("d.dictnamespace")}`),
  objectQuery(`
    select 'pg_ts_parser'::regclass::oid as classid, p.oid, 0::oid as owner, null::aclitem[] as acl,
           concat_ws(' ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype) as definition, true as listed
      from pg_ts_parser p ${inSchema("p.prsnamespace")}`),
  objectQuery(`
    select 'pg_ts_template'::regclass::oid as classid, t.oid, 0::oid as owner, null::aclitem[] as acl,
           concat_ws(' ', t.tmplinit, t.tmpllexize) as definition, true as listed
      from pg_ts_template t ${inSchema("t.tmplnamespace")}`),
];
