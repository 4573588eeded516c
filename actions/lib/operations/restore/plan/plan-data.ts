import type { Client } from "pg";
import { z } from "zod";
import { tableName } from "../../../postgres/identifier.ts";
import type { Inventory, TableContent } from "../../../postgres/inventory/model.ts";
import { ownSchema } from "../../../postgres/inventory/object-query.ts";
import { isVaultSecrets } from "../../../postgres/inventory/vault-secrets.ts";
import { bookkeepingReason, oneTimeColumnsOfUsers, oneTimeTables } from "../../../postgres/platform-owned.ts";
import type { Platform } from "../../../supabase/platform/platform.ts";

export const oneTimeReason = "one-time tokens and logins that were under way at the source: people ask for new ones";

/** Whether a schema called auth is the auth server's, which keeps its list of migrations there. */
export function hasAuthServer(source: Pick<Inventory, "tables">): boolean {
  return source.tables.some(({ schema, name }) => schema === "auth" && name === "schema_migrations");
}

/** Whether all the rows of a table are good for one time only. */
export function isOneTime({ schema, name }: Pick<TableContent, "schema" | "name">): boolean {
  return schema === "auth" && oneTimeTables.has(name);
}

/** Places of the columns that are left empty, ascending from 0: one-time tokens of people. */
export function oneTimeColumns({ schema, name, columns }: Pick<TableContent, "schema" | "name" | "columns">): number[] {
  if (schema !== "auth" || name !== "users") return [];
  return columns.flatMap((column, place) => (oneTimeColumnsOfUsers.has(column) ? [place] : []));
}

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
const throughRoot = `
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
           ${throughRoot} as through
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     cross join (select coalesce($1::name, current_user) as name) r
     where c.relkind = 'r' and c.relpersistence <> 't' and ${ownSchema("n")}`,
    [role ?? null],
  );
  const rows = z.array(rowSchema).parse(answer.rows);
  return new Map(rows.map(({ schema, name, ...table }) => [tableName({ schema, name }), table]));
}

/** What is to be done with the rows of one table, decided before any is read. */
export interface TableLoad {
  readonly table: TableContent;
  /** Places (from 0) of the columns that the target has too; undefined when it has them all. */
  readonly keep: readonly number[] | undefined;
  /** Places of columns whose values are left empty. */
  readonly blank?: readonly number[] | undefined;
  /** SQL that runs after the load in the same transaction on what must not wake up; returns the `id` of what it changed. */
  readonly quiet: string | undefined;
  /** Its rows go in through the partitioned table, which puts each where it belongs here: in any of the partitions. */
  readonly through?: Family | undefined;
}

/** A partitioned table and those of its partitions that the set has rows for, itself not among them. */
export interface Family {
  readonly root: { readonly schema: string; readonly name: string };
  readonly leaves: readonly TableContent[];
}

/** What the target's side of a table looks like to the role that restores. */
export interface TargetTable {
  readonly columns: readonly string[];
  readonly mayInsert: boolean;
  readonly mayUpdate: boolean;
  /** The partitioned table that its rows have to go through, because they may belong into another partition here. */
  readonly through: Family["root"] | null;
}

/** Rows that stay in the set, and why. `expected`: it belongs to the platform, or is meant to stay. */
export interface RowsLeft {
  readonly table: TableContent;
  readonly why: string;
  readonly expected: boolean;
}

export interface DataPlan {
  readonly loads: ReadonlyMap<string, TableLoad>;
  readonly left: readonly RowsLeft[];
  /** Columns that the target's own version of a platform's table does not have. */
  readonly missingColumns: readonly { readonly table: TableContent; readonly columns: readonly string[] }[];
  /** `cron.job`, when its jobs are to be made by pg_cron's functions because the table itself may not be written. */
  readonly cronJobs: TableContent | undefined;
  /** Of a comparison: tables that a restore leaves on purpose, and that are compared all the same. */
  readonly neverBrought?: ReadonlySet<string>;
}

/** Statement that puts cron jobs to sleep in the transaction that brings them: pg_cron starts them the moment they commit. */
const quietStatements = new Map([
  ["cron.job", "update cron.job set active = false where active returning jobid::text as id"],
]);

/**
 * Decides table by table which rows go where. Pure.
 * @param unavailable extensions that the target server does not have
 * @param targets by `schema.table`, as they are after the schema was made
 */
export function planData(
  source: Inventory,
  targets: ReadonlyMap<string, TargetTable>,
  platform: Platform | undefined,
  unavailable: ReadonlySet<string>,
): DataPlan {
  const loads = new Map<string, TableLoad>();
  const left: RowsLeft[] = [];
  let cronJobs: TableContent | undefined;
  const families = familiesOf(source.tables, targets);
  const authServer = hasAuthServer(source);
  const missingColumns: { table: TableContent; columns: readonly string[] }[] = [];
  for (const table of source.tables) {
    const name = tableName(table);
    const target = targets.get(name);
    // What an extension keeps apart from every dump, nobody else brings back: it counts as the user's.
    const platforms =
      table.carried && platform !== undefined && (platform.ownsRelation("table", table) || table.extension !== null);
    // Requests that wait are sent by whatever server has pg_net.
    const anywhere = platform !== undefined || !table.carried || table.schema === "net";
    const once = authServer && isOneTime(table) ? oneTimeReason : undefined;
    if (isVaultSecrets(table)) {
      left.push({ table, why: "ciphertext opens in no other project", expected: true });
      continue;
    }
    const reason = once ?? (anywhere ? bookkeepingReason(table.schema, table.name) : undefined);
    if (reason !== undefined) {
      left.push({ table, why: reason, expected: true });
    } else if (target === undefined) {
      const without = table.extension !== null && unavailable.has(table.extension);
      const why = without
        ? `the target server has no extension ${table.extension}`
        : table.carried
          ? "the target does not have the table"
          : `extension ${table.extension} does not make the table: make it as it was, then run the restore again`;
      left.push({ table, why, expected: platforms || (without && table.carried) });
    } else if (!target.mayInsert && name === "cron.job") {
      cronJobs = table;
      left.push({
        table,
        why: "its jobs are made anew by pg_cron's functions, switched off, with new numbers",
        expected: true,
      });
    } else if (!target.mayInsert) {
      left.push({ table, why: "the target lets nobody but its platform write the table", expected: platforms });
    } else {
      const lost = table.columns.filter((column) => !target.columns.includes(column));
      if (lost.length > 0) missingColumns.push({ table, columns: lost });
      const through = families.get(name);
      const order = through === undefined ? table.columns : inOneOrder(table, through);
      const keep = order.filter((column) => !lost.includes(column)).map((column) => table.columns.indexOf(column));
      const whole = keep.length === table.columns.length && keep.every((place, at) => place === at);
      const blank = authServer ? oneTimeColumns(table) : [];
      loads.set(name, {
        ...{ table, keep: whole ? undefined : keep, quiet: quietStatements.get(name), through },
        ...(blank.length > 0 && { blank }),
      });
    }
  }
  return { loads, left, missingColumns, cronJobs };
}

/** By the `schema.table` of each partition whose rows may belong into another one in the target. Pure. */
export function familiesOf(
  tables: readonly TableContent[],
  targets: ReadonlyMap<string, TargetTable>,
): Map<string, Family> {
  const families = new Map<string, Family>();
  const byRoot = new Map<string, TableContent[]>();
  for (const table of tables) {
    const root = targets.get(tableName(table))?.through ?? undefined;
    if (root === undefined) continue;
    const leaves = byRoot.get(tableName(root)) ?? [];
    byRoot.set(tableName(root), leaves);
    leaves.push(table);
    families.set(tableName(table), { root, leaves });
  }
  return families;
}

/** Partitions may have the same columns in another order; a row that lies in another one has to hash to the same. */
function inOneOrder(table: TableContent, { leaves }: Family): readonly string[] {
  const order = leaves[0]?.columns ?? [];
  return order.length === table.columns.length && order.every((column) => table.columns.includes(column))
    ? order
    : table.columns;
}
