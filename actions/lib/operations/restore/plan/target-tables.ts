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
});

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
           has_table_privilege(r.name, c.oid, 'update') and has_schema_privilege(r.name, n.oid, 'usage') as "mayUpdate"
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     cross join (select coalesce($1::name, current_user) as name) r
     where c.relkind = 'r' and c.relpersistence <> 't' and ${ownSchema("n")}`,
    [role ?? null],
  );
  const rows = z.array(rowSchema).parse(answer.rows);
  return new Map(rows.map(({ schema, name, ...table }) => [tableName({ schema, name }), table]));
}
