import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";

import { quoteQualified, tableName } from "../../postgres/identifier.ts";
import type { TableContent } from "../../postgres/inventory/model.ts";
import { maySetReplicationRole } from "../target/target.ts";

const targetSchema = z.strictObject({
  columns: z.array(z.string()),
  mayInsert: z.boolean(),
  maySelect: z.boolean(),
});

/**
 * Looks whether a table of the target can take a table's export: it is there, has exactly its columns, is empty, and may be
 * written and read. Nothing is written.
 *
 * @throws ConfigurationError `target-table-missing`, `target-columns-differ`, `target-denied`, `target-table-filled`
 */
export async function readExportTarget(client: Client, table: TableContent): Promise<{ mayReplicate: boolean }> {
  const name = tableName(table);
  const answer = await client.query(
    `select coalesce((select json_agg(a.attname order by a.attnum) from pg_attribute a
                       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '[]')
              as columns,
            has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'insert') as "mayInsert",
            has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as "maySelect"
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2 and c.relkind = 'r'`,
    [table.schema, table.name],
  );
  if (answer.rows[0] === undefined) {
    throw new ConfigurationError(
      "target-table-missing",
      `The target has no table ${name}.`,
      "Make it first, with the columns that it had: an export holds rows only.",
    );
  }
  const target = targetSchema.parse(answer.rows[0]);
  assertColumns(table, target.columns);
  if (!target.mayInsert || !target.maySelect) {
    throw new ConfigurationError(
      "target-denied",
      `The target's role may not ${target.mayInsert ? "read" : "write"} ${name}.`,
      "Use a role that owns the table, or grant it SELECT and INSERT.",
    );
  }
  const filled = await client.query(
    `select exists (select from only ${quoteQualified(table.schema, table.name)}) as filled`,
  );
  if (filled.rows[0]?.filled === true) {
    throw new ConfigurationError(
      "target-table-filled",
      `${name} of the target is not empty.`,
      "Load into an empty table, for example of another schema's copy in a scratch database, and merge from there.",
    );
  }
  return { mayReplicate: await maySetReplicationRole(client) };
}

function assertColumns(table: TableContent, present: readonly string[]): void {
  const missing = table.columns.filter((column) => !present.includes(column));
  const more = present.filter((column) => !table.columns.includes(column));
  if (missing.length === 0 && more.length === 0) return;
  const said = [
    ...(missing.length > 0 ? [`lacks ${missing.join(", ")}`] : []),
    ...(more.length > 0 ? [`has ${more.join(", ")} besides`] : []),
  ];
  throw new ConfigurationError(
    "target-columns-differ",
    `${tableName(table)} of the target ${said.join(" and ")}.`,
    "Give the table the columns that it had at the backup, load, and change it afterwards.",
  );
}
