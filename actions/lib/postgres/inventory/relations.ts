import { objectQuery, ownSchema, placedByUser } from "./object-query.ts";
import { isVaultSecretsSql } from "./vault-secrets.ts";

/** One line a column: everything that makes it what it is, its place among the others included by order. */
const columnLines = `
  (select string_agg(
            concat_ws(' ', '  column', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
              case when a.attcollation <> t.typcollation then 'collate ' || a.attcollation::regcollation::text end,
              case when a.attnotnull then 'not null' end,
              case when a.attidentity <> '' then 'identity ' || a.attidentity::text end,
              case when a.attgenerated <> '' then 'generated ' || a.attgenerated::text end,
              'default ' || pg_get_expr(ad.adbin, ad.adrelid),
              case when a.attstorage <> t.typstorage then 'storage ' || a.attstorage::text end,
              case when a.attcompression <> '' then 'compression ' || a.attcompression::text end,
              case when (to_jsonb(a)->>'attstattarget')::int >= 0 then 'statistics ' || (to_jsonb(a)->>'attstattarget') end,
              case when a.attoptions is not null then 'options ' || array_to_string(a.attoptions, ',') end,
              case when a.attfdwoptions is not null then 'fdw options ' || array_to_string(a.attfdwoptions, ',') end,
              case when not a.attislocal then 'inherited' end,
              'comment ' || quote_literal(cd.description)),
            chr(10) order by a.attnum)
     from pg_attribute a
     join pg_type t on t.oid = a.atttypid
     left join pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
     left join pg_description cd
       on cd.classoid = 'pg_class'::regclass and cd.objoid = a.attrelid and cd.objsubid = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)`;

const parents = `
  (select string_agg(h.inhparent::regclass::text, ', ' order by h.inhseqno) from pg_inherits h where h.inhrelid = c.oid)`;

const relationLines = `concat_ws(chr(10),
  case c.relpersistence when 'u' then 'unlogged' end,
  case when c.relispartition then 'partition of ' || ${parents} || ' ' || pg_get_expr(c.relpartbound, c.oid)
       else 'inherits ' || ${parents} end,
  'partition by ' || pg_get_partkeydef(c.oid),
  case when c.reloftype <> 0 then 'of ' || c.reloftype::regtype::text end,
  case when am.amname <> 'heap' then 'access method ' || am.amname end,
  case when c.reltablespace <> 0 then 'tablespace ' || (select spcname from pg_tablespace where oid = c.reltablespace) end,
  case when c.relrowsecurity then 'row level security' end,
  case when c.relforcerowsecurity then 'force row level security' end,
  case when c.relkind in ('r', 'p') and c.relreplident <> 'd' then 'replica identity ' || c.relreplident::text ||
    coalesce((select ' ' || quote_ident(ic.relname) from pg_index ix join pg_class ic on ic.oid = ix.indexrelid
               where ix.indrelid = c.oid and ix.indisreplident), '') end,
  case when c.reloptions is not null then
    'options ' || (select string_agg(o, ', ' order by o collate "C") from unnest(c.reloptions) o) end,
  case when tc.reloptions is not null then
    'toast options ' || (select string_agg(o, ', ' order by o collate "C") from unnest(tc.reloptions) o) end,
  case when ft.ftrelid is not null then 'server ' || quote_ident(fs.srvname) ||
    coalesce(' options ' || array_to_string(ft.ftoptions, ', '), '') end,
  case when c.relkind = 'm' then case when c.relispopulated then 'populated' else 'not populated' end end,
  case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
  ${columnLines})`;

/** Tables, partitioned and foreign tables, views and materialised views, with their columns. */
export const relationsQuery = objectQuery(
  `
  select 'pg_class'::regclass::oid as classid, c.oid, c.relowner as owner,
         coalesce(c.relacl, acldefault('r', c.relowner)) as acl, ${relationLines} as definition, true as listed
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_am am on am.oid = c.relam
    left join pg_class tc on tc.oid = c.reltoastrelid
    left join pg_foreign_table ft on ft.ftrelid = c.oid
    left join pg_foreign_server fs on fs.oid = ft.ftserver
   where c.relkind in ('r', 'p', 'f', 'v', 'm') and c.relpersistence <> 't' and ${placedByUser("n", "c.oid")}`,
  "relation",
);

/** Column privileges: the relation's OID and each grant, to be joined to the relation's own grants. */
export const columnGrantsQuery = `
  select c.oid::int8::text as oid,
         json_agg(json_build_object(
           'grantee', case when g.grantee = 0 then '' else pg_get_userbyid(g.grantee) end,
           'grantor', pg_get_userbyid(g.grantor), 'privilege', g.privilege_type,
           'column', a.attname, 'grantable', g.is_grantable)
         order by a.attnum, case when g.grantee = 0 then '' else pg_get_userbyid(g.grantee) end collate "C",
                  g.privilege_type collate "C", pg_get_userbyid(g.grantor) collate "C") as grants
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attacl is not null and not a.attisdropped
   cross join lateral aclexplode(a.attacl) g
   where c.relkind in ('r', 'p', 'f', 'v', 'm') and c.relpersistence <> 't' and ${placedByUser("n", "c.oid")}
   group by c.oid`;

/** Sequences: their settings and the column that owns them; their values are contents, not definition. */
export const sequencesQuery = objectQuery(
  `
  select 'pg_class'::regclass::oid as classid, c.oid, c.relowner as owner,
         coalesce(c.relacl, acldefault('s', c.relowner)) as acl,
         concat_ws(chr(10),
           case c.relpersistence when 'u' then 'unlogged' end,
           format('%s start %s increment %s min %s max %s cache %s%s', s.seqtypid::regtype, s.seqstart, s.seqincrement,
                  s.seqmin, s.seqmax, s.seqcache, case when s.seqcycle then ' cycle' else '' end),
           (select case d.deptype when 'i' then 'identity of ' else 'owned by ' end
                   || d.refobjid::regclass::text || '.' || quote_ident(a.attname)
              from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
             where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
               and d.deptype in ('a', 'i') and d.refobjsubid > 0)) as definition,
         true as listed, n.nspname as home,
         -- An identity goes where its table goes: an extension's is in no dump.
         coalesce((select d.refobjid from pg_depend d
                    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
                      and d.deptype = 'i' and d.refobjsubid > 0), 0) as part_of
    from pg_class c
    join pg_sequence s on s.seqrelid = c.oid
    join pg_namespace n on n.oid = c.relnamespace
   where c.relpersistence <> 't' and ${placedByUser("n", "c.oid")}`,
  "part",
);

/** By name: partitions may have the same columns in another order, and their hashes are added up. */
const keyColumns = `
  coalesce((select json_agg(a.attname order by a.attname) from pg_attribute a
              join pg_index x on x.indrelid = a.attrelid and x.indisprimary and a.attnum = any (x.indkey)
             where a.attrelid = c.oid),
           (select json_agg(a.attname order by a.attname) from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '[]')`;

/**
 * Columns that tell rows apart, in the index's order: the primary key's, else those of the narrowest unique index that holds for
 * every row at any time (none may be NULL, and nothing is put off to the commit). A generated column is in no copy of the rows.
 */
export const rowKey = `
  (select found.names
     from (select x.indisprimary, x.indnkeyatts, ic.relname, json_agg(a.attname order by k.place) as names,
                  bool_and(a.attnotnull and a.attgenerated = '') as usable
             from pg_index x
             join pg_class ic on ic.oid = x.indexrelid
            cross join lateral unnest(x.indkey::int2[]) with ordinality k (attnum, place)
             join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum
            where x.indrelid = c.oid and x.indisvalid and x.indpred is null and x.indexprs is null
              and (x.indisprimary or (x.indisunique and x.indimmediate)) and k.place <= x.indnkeyatts
            group by x.indexrelid, x.indisprimary, x.indnkeyatts, ic.relname) found
    where found.usable
    order by found.indisprimary desc, found.indnkeyatts, found.relname collate "C" limit 1)`;

/** What is built in, is pinned and has no dependency recorded; what is left beside columns is somebody's. */
const generatedColumns = `
  (select json_agg(json_build_object('name', a.attname, 'changeable', exists (
            select from pg_attrdef ad
              join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = ad.oid
               and d.refclassid <> 'pg_class'::regclass
             where ad.adrelid = c.oid and ad.adnum = a.attnum)) order by a.attnum)
     from pg_attribute a where a.attrelid = c.oid and a.attgenerated = 's')`;

/**
 * Tables with rows of their own. A table that belongs to an extension is carried by pg_dump only when the extension
 * says so (pg_extension_config_dump), and then with the extension's condition. Vault's secrets are kept out of every dump.
 */
export const tablesQuery = `
  select n.nspname as schema, c.relname as name, c.oid::int8::text as oid,
         coalesce((select json_agg(a.attname order by a.attnum) from pg_attribute a
                    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '[]')
           as columns,
         ${rowKey} as key, pg_table_size(c.oid)::float8 as bytes, e.extname as extension,
         (e.extname is null or coalesce(c.oid = any (e.extconfig), false)) and not ${isVaultSecretsSql} as carried,
         nullif(e.extcondition[array_position(e.extconfig, c.oid)], '') as filter,
         c.relpersistence = 'u' as unlogged,
         case when exists (select from pg_attribute a where a.attrelid = c.oid and a.attgenerated = 's') then
           json_build_object('key', ${keyColumns}, 'columns', ${generatedColumns}) end as generated
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0 and d.deptype = 'e'
     and d.refclassid = 'pg_extension'::regclass
    left join pg_extension e on e.oid = d.refobjid
   where c.relkind = 'r' and c.relpersistence <> 't' and ${ownSchema("n")}
   order by n.nspname collate "C", c.relname collate "C"`;

/**
 * Sequences whose values pg_dump carries, an extension's only where the extension says so, as with its tables; and those
 * that count for an extension's own table (pgmq's queues): an identity of one is in no dump, whether it is a member or not.
 */
export const sequenceNamesQuery = `
  select n.nspname as schema, c.relname as name,
         case when t.oid is not null then json_build_object('schema', tn.nspname, 'name', t.relname) end as "countsFor"
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0 and d.deptype = 'e'
     and d.refclassid = 'pg_extension'::regclass
    left join pg_extension e on e.oid = d.refobjid
    left join pg_depend o on o.classid = 'pg_class'::regclass and o.objid = c.oid and o.objsubid = 0
     and o.refclassid = 'pg_class'::regclass and (o.deptype = 'i' or (o.deptype = 'a' and d.objid is not null))
     and not coalesce(c.oid = any (e.extconfig), false)
     and exists (select from pg_depend m where m.classid = 'pg_class'::regclass and m.objid = o.refobjid
                    and m.objsubid = 0 and m.deptype = 'e')
    left join pg_class t on t.oid = o.refobjid
    left join pg_namespace tn on tn.oid = t.relnamespace
   where c.relkind = 'S' and c.relpersistence <> 't' and ${ownSchema("n")}
     and (d.objid is null or c.oid = any (e.extconfig) or t.oid is not null)
   order by n.nspname collate "C", c.relname collate "C"`;

export const materializedViewsQuery = `
  select n.nspname as schema, c.relname as name, c.relispopulated as populated
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'm' and ${ownSchema("n")}
   order by n.nspname collate "C", c.relname collate "C"`;

export const largeObjectNumbersQuery = "select oid::int8::text as oid from pg_largeobject_metadata order by oid";
