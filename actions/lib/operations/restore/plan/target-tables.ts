import type { Client } from "pg";
import { z } from "zod";
import { tableName } from "../../../postgres/identifier.ts";
import { ownSchema } from "../../../postgres/inventory/object-query.ts";
import type { TargetTable } from "./plan-data.ts";

const rowSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  columns: z.array(z.string()),
  mayInsert: z.boolean(),
  mayUpdate: z.boolean(),
  through: z.strictObject({ schema: z.string(), name: z.string() }).nullable(),
});

/**
 * The root of a partition whose rows may belong into another one here: a hash key above it hashes what the restore makes
 * anew or another server computes otherwise. pg_dump knows enums, which hash by their OID (getPartitioningInfo); arrays,
 * composites and ranges may hold one, a role's and a type's number change too, and so may functions of an operator class
 * of somebody's own and a collation that takes different bytes for equal.
 */
const through = `
  case when c.relispartition and exists (
    select from pg_partition_ancestors(c.oid) a
      join pg_partitioned_table p on p.partrelid = a.relid and p.partstrat = 'h'
     cross join lateral unnest(p.partclass::oid[], p.partcollation::oid[]) as k(class, sorted)
      join pg_opclass o on o.oid = k.class
      join pg_type t on t.oid = o.opcintype
      left join pg_collation l on l.oid = k.sorted
     where t.typtype = 'p' or t.oid in ('oid'::regtype, 'aclitem'::regtype)
        or o.opcnamespace <> 'pg_catalog'::regnamespace or not l.collisdeterministic)
  then (select json_build_object('schema', rn.nspname, 'name', r.relname)
          from pg_class r join pg_namespace rn on rn.oid = r.relnamespace where r.oid = pg_partition_root(c.oid))
  end`;

/**
 * Every table of the target with what the restoring role may do to it, by `schema.table`.
 * @param role another than the session's
 */
export async function readTargetTables(client: Client, role?: string): Promise<Map<string, TargetTable>> {
  const answer = await client.query(
    `
    select n.nspname as schema, c.relname as name,
           coalesce((select json_agg(a.attname order by a.attnum) from pg_attribute a
                      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '[]')
             as columns,
           has_table_privilege(r.name, c.oid, 'insert') and has_schema_privilege(r.name, n.oid, 'usage') as "mayInsert",
           has_table_privilege(r.name, c.oid, 'update') and has_schema_privilege(r.name, n.oid, 'usage') as "mayUpdate",
           ${through} as through
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     cross join (select coalesce($1::name, current_user) as name) r
     where c.relkind = 'r' and c.relpersistence <> 't' and ${ownSchema("n")}`,
    [role ?? null],
  );
  const rows = z.array(rowSchema).parse(answer.rows);
  return new Map(rows.map(({ schema, name, ...table }) => [tableName({ schema, name }), table]));
}
