import { objectQuery, ownSchema, placedByUser } from "./object-query.ts";

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
