import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { quoteQualified, tableName } from "../../postgres/identifier.ts";
import type { TableContent } from "../../postgres/inventory/model.ts";
import { throughRoot } from "../restore/plan/plan-data.ts";
import { maySetReplicationRole } from "../target/target.ts";

const placeSchema = z.strictObject({ schema: z.string(), name: z.string() });
type Place = z.infer<typeof placeSchema>;
const targetSchema = z.strictObject({
  columns: z.array(z.string()),
  root: placeSchema.nullable(),
  mayInsert: z.boolean(),
  maySelect: z.boolean(),
});

export interface ExportTarget {
  /** The partitioned table above it, where its rows may belong into another partition than at the source. */
  readonly root: Place | null;
  readonly mayReplicate: boolean;
}

/**
 * Looks whether a table of the target can take a table's export: it is there, has exactly its columns, is empty, and may be
 * written and read. Nothing is written.
 *
 * @throws ConfigurationError `target-table-missing`, `target-columns-differ`, `target-denied`, `target-table-filled`
 */
export async function readExportTarget(client: Client, table: TableContent): Promise<ExportTarget> {
  const name = tableName(table);
  const answer = await client.query(
    `select coalesce((select json_agg(a.attname order by a.attnum) from pg_attribute a
                       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '[]')
              as columns, ${throughRoot} as root,
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
  if (await isFilled(client, `only ${quoteQualified(table.schema, table.name)}`)) throw filled(name);
  return { root: target.root, mayReplicate: await maySetReplicationRole(client) };
}

/**
 * All partitions that rows may go into which are sent to `root`. Whose rows lie among others, nobody can tell from a second
 * load: they are all empty.
 *
 * @throws ConfigurationError `target-table-filled`
 */
export async function readEmptyPartitions(client: Client, root: Place, table: TableContent): Promise<readonly Place[]> {
  const quoted = quoteQualified(root.schema, root.name);
  if (await isFilled(client, quoted))
    throw filled(tableName(root), `: rows of ${tableName(table)} belong into any of its partitions here`);
  const answer = await client.query(
    `select n.nspname as schema, c.relname as name
       from pg_partition_tree($1::regclass) t join pg_class c on c.oid = t.relid join pg_namespace n on n.oid = c.relnamespace
      where t.isleaf`,
    [quoted],
  );
  return z.array(placeSchema).parse(answer.rows);
}

async function isFilled(client: Client, from: string): Promise<boolean> {
  const answer = await client.query(`select exists (select from ${from}) as filled`);
  return answer.rows[0]?.filled === true;
}

function filled(name: string, why = ""): ConfigurationError {
  return new ConfigurationError(
    "target-table-filled",
    `${name} of the target is not empty${why}.`,
    "Load into an empty table, for example of another schema's copy in a scratch database, and merge from there.",
  );
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
