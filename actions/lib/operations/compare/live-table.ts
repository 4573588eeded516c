import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError, OperationError, sqlState } from "../../base/errors.ts";
import { parseQualified, quoteIdentifier, quoteQualified, tableName } from "../../postgres/identifier.ts";
import { rowKey } from "../../postgres/inventory/relations.ts";
import { hashOfValues } from "../../postgres/row-hash/pair-hash.ts";

const columnSchema = z.strictObject({
  name: z.string(),
  /** As `format_type` spells it, with its modifier: `numeric(10,2)`. */
  type: z.string(),
  /** What lies below the domain; the same as `type` elsewhere. */
  base: z.string(),
  notNull: z.boolean(),
  generated: z.boolean(),
});
export type LiveColumn = z.infer<typeof columnSchema>;

const foundSchema = z.strictObject({
  oid: z.string(),
  kind: z.string(),
  mayRead: z.boolean(),
  columns: z.array(columnSchema),
  key: z.array(z.string()).nullable(),
});

/** A table of the target as people see it: a partitioned one is one table, an inherited one is without its children. */
export interface LiveTable {
  readonly schema: string;
  readonly name: string;
  readonly oid: string;
  readonly partitioned: boolean;
  /** Stored, not generated columns in attribute order. */
  readonly columns: readonly LiveColumn[];
  readonly generated: readonly string[];
  /** What tells its rows apart here and now, as the inventory's `key`. */
  readonly key: readonly string[] | null;
}

/** What stands behind FROM for all of its rows. */
export function allRowsOf({ schema, name, partitioned }: LiveTable): string {
  return `${partitioned ? "" : "only "}${quoteQualified(schema, name)}`;
}

/** @throws ConfigurationError `table-unknown` for what is not `schema.table` */
export function parseTable(text: string): { readonly schema: string; readonly name: string } {
  const parsed = parseQualified(text);
  if (parsed !== undefined) return parsed;
  throw new ConfigurationError(
    "table-unknown",
    `${text} is not the name of a table.`,
    'Give --table as schema.table, or as "schema"."table" where a name holds dots.',
  );
}

/**
 * Locks a table against changes of its form until the transaction's end, and reads that form.
 * @param client in a transaction that has not read anything yet
 * @throws ConfigurationError `table-unknown`, `table-kind`, `target-denied` @throws OperationError `table-locked`
 */
export async function readLiveTable(
  client: Client,
  table: { readonly schema: string; readonly name: string },
): Promise<LiveTable> {
  const name = tableName(table);
  await lock(client, table);
  const answer = await client.query(
    `with recursive base as (
       select t.oid as domain, t.oid, t.typbasetype, -1 as modifier from pg_type t where t.typtype <> 'd'
       union all
       select t.oid, b.oid, b.typbasetype, case when b.modifier >= 0 then b.modifier else t.typtypmod end
         from pg_type t join base b on t.typbasetype = b.domain where t.typtype = 'd')
     select c.oid::int8::text as oid, c.relkind::text as kind, ${rowKey} as key,
            has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as "mayRead",
            coalesce((select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                        'base', format_type(b.oid, case when a.atttypmod >= 0 then a.atttypmod else b.modifier end),
                        'notNull', a.attnotnull, 'generated', a.attgenerated <> '') order by a.attnum)
                        from pg_attribute a join base b on b.domain = a.atttypid
                       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2`,
    [table.schema, table.name],
  );
  if (answer.rows[0] === undefined) throw unknownTable(name);
  const { kind, mayRead, columns, ...found } = foundSchema.parse(answer.rows[0]);
  if (kind !== "r" && kind !== "p")
    throw new ConfigurationError("table-kind", `${name} of the target is no table that holds rows.`, "Name a table.");
  if (!mayRead) {
    throw new ConfigurationError(
      "target-denied",
      `The target's role may not read ${name}.`,
      "Use a role that owns the table, or grant it USAGE on the schema and SELECT.",
    );
  }
  return {
    ...{ ...table, ...found, partitioned: kind === "p" },
    columns: columns.filter(({ generated }) => !generated),
    generated: columns.filter(({ generated }) => generated).map((column) => column.name),
  };
}

async function lock(
  client: Client,
  { schema, name }: { readonly schema: string; readonly name: string },
): Promise<void> {
  const table = tableName({ schema, name });
  try {
    await client.query(`lock table ${quoteQualified(schema, name)} in access share mode`);
  } catch (error) {
    const state = sqlState(error);
    if (state === "42P01" || state === "3F000") throw unknownTable(table);
    if (state === "42809")
      throw new ConfigurationError(
        "table-kind",
        `${table} of the target is no table that holds rows.`,
        "Name a table.",
      );
    if (state === "42501") {
      throw new ConfigurationError(
        "target-denied",
        `The target's role may not read ${table}.`,
        "Use a role that owns the table, or grant it USAGE on the schema and SELECT.",
      );
    }
    if (state === "55P03") {
      throw new OperationError(
        "table-locked",
        `Somebody holds ${table} of the target exclusively for longer than this may wait (55P03).`,
        "Run again when the migration, TRUNCATE or VACUUM FULL is done.",
      );
    }
    throw error;
  }
}

function unknownTable(name: string): ConfigurationError {
  return new ConfigurationError(
    "table-unknown",
    `The target has no table ${name}.`,
    'Give --table as schema.table, or as "schema"."table" where a name holds dots.',
  );
}

/** The hash of an alias's columns: the same number as the pair hasher's. */
export function hashOf(columns: readonly string[], alias?: string): string {
  const prefix = alias === undefined ? "" : `${alias}.`;
  return hashOfValues(columns.map((column) => prefix + quoteIdentifier(column)));
}

/** @throws ConfigurationError `target-replica`, `target-denied` where no temporary tables can be made */
export async function assertTakesFindings(client: Client): Promise<void> {
  const answer = await client.query(
    `select pg_is_in_recovery() as replica, current_setting('transaction_read_only')::bool as "readOnly",
            has_database_privilege(current_database(), 'temporary') as temporary`,
  );
  const { replica, readOnly, temporary } = z
    .object({ replica: z.boolean(), readOnly: z.boolean(), temporary: z.boolean() })
    .parse(answer.rows[0]);
  if (replica || readOnly) {
    throw new ConfigurationError(
      "target-replica",
      `The target ${replica ? "is a replica" : "takes no writes"}: the comparison puts its findings into temporary tables, which it cannot make there.`,
      "Compare with the primary database; it is only read.",
    );
  }
  if (temporary) return;
  throw new ConfigurationError(
    "target-denied",
    "The target's role may not make temporary tables.",
    "GRANT TEMPORARY ON DATABASE … to the role, or use `postgres`.",
  );
}
