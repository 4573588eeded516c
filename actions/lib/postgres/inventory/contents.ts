import { ownSchema } from "./object-query.ts";
import { isVaultSecretsSql } from "./vault-secrets.ts";

/** By name: partitions may have the same columns in another order, and their hashes are added up. */
const keyColumns = `
  coalesce((select json_agg(a.attname order by a.attname) from pg_attribute a
              join pg_index x on x.indrelid = a.attrelid and x.indisprimary and a.attnum = any (x.indkey)
             where a.attrelid = c.oid),
           (select json_agg(a.attname order by a.attname) from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '[]')`;

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
         pg_table_size(c.oid)::float8 as bytes, e.extname as extension,
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
