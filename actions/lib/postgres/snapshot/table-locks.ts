import type { Client } from "pg";
import { z } from "zod";
import { OperationError, sqlState } from "../../base/errors.ts";
import { quoteQualified, tableName } from "../identifier.ts";
import { ownSchema } from "../inventory/object-query.ts";

const relationSchema = z.strictObject({ oid: z.string(), schema: z.string(), name: z.string() });
export type Relation = z.infer<typeof relationSchema>;

/** Locks per statement: one round trip for many tables, few enough names to search when a lock doesn't come. */
const batch = 100;

/** What pg_dump locks: tables and partitioned tables (pg_dump.c, getTables). In OID order, so that runs don't deadlock. */
export async function listLockable(client: Client): Promise<Relation[]> {
  const answer = await client.query(
    `select c.oid::int8::text as oid, n.nspname as schema, c.relname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${ownSchema("n")} order by c.oid`,
  );
  return z.array(relationSchema).parse(answer.rows);
}

/** `moved`: a table went away between listing and locking, so the list must be made anew. */
export type LockOutcome = "locked" | "moved";

/**
 * Takes ACCESS SHARE on every table. LOCK TABLE takes no snapshot (utility.c, PlannedStmtRequiresSnapshot), so inside a
 * REPEATABLE READ transaction whose first statements these are, the snapshot is younger than the locks.
 *
 * @throws OperationError `lock-wait` when somebody holds a table longer than lock_timeout; names the tables
 */
export async function lockTables(client: Client, tables: readonly Relation[]): Promise<LockOutcome> {
  for (let start = 0; start < tables.length; start += batch) {
    const some = tables.slice(start, start + batch);
    const names = some.map(({ schema, name }) => `ONLY ${quoteQualified(schema, name)}`).join(", ");
    try {
      await client.query(`LOCK TABLE ${names} IN ACCESS SHARE MODE`);
    } catch (error) {
      const state = sqlState(error);
      // 42P01: gone; 3F000: its schema is gone; 42809: no longer a table.
      if (["42P01", "3F000", "42809"].includes(state)) return "moved";
      await client.query("ROLLBACK").catch(() => {});
      throw await explainLock(client, some, state);
    }
  }
  return "locked";
}

async function explainLock(client: Client, tables: readonly Relation[], state: string): Promise<OperationError> {
  const oids = tables.map(({ oid }) => oid);
  if (state === "55P03") {
    const held = await client
      .query(
        `select distinct relation::int8::text as oid from pg_locks
          where relation = any ($1::oid[]) and mode = 'AccessExclusiveLock' and database = (select oid from pg_database where datname = current_database())`,
        [oids],
      )
      .then(({ rows }) => z.array(z.object({ oid: z.string() })).parse(rows))
      .catch(() => []);
    const names = held.flatMap(({ oid }) => tables.filter((table) => table.oid === oid));
    return new OperationError(
      "lock-wait",
      `Somebody holds ${namesOf(names)} exclusively for longer than the backup may wait (55P03).`,
      "Run again when the migration, TRUNCATE or VACUUM FULL is done; the wait is source.lockWaitSeconds in the policy.",
    );
  }
  if (state === "53200") {
    return new OperationError(
      "lock-table-full",
      `The server has no room for locks on ${tables.length} more tables (53200).`,
      "Raise max_locks_per_transaction.",
    );
  }
  const denied =
    state !== "42501"
      ? []
      : await client
          .query(
            "select oid::int8::text as oid from unnest($1::oid[]) oid where not has_table_privilege(oid, 'SELECT')",
            [oids],
          )
          .then(({ rows }) => z.array(z.object({ oid: z.string() })).parse(rows))
          .catch(() => []);
  const names = denied.flatMap(({ oid }) => tables.filter((table) => table.oid === oid));
  return new OperationError(
    "lock-failed",
    `${namesOf(names)} could not be locked for reading (SQLSTATE ${state}).`,
    "Run `lifeboat check`: it names what the role cannot read.",
  );
}

function namesOf(tables: readonly Relation[]): string {
  if (tables.length === 0) return "a table";
  return tables.map(tableName).join(", ");
}

/**
 * Tables that the transaction's snapshot has and that this session has not locked; and those whose storage was replaced
 * between their lock and the snapshot, which cannot be unless somebody got in before us. Empty: the snapshot is whole.
 */
export async function unlockedTables(client: Client): Promise<Relation[]> {
  const answer = await client.query(
    `select c.oid::int8::text as oid, n.nspname as schema, c.relname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${ownSchema("n")}
        and not exists (select from pg_locks l
                         where l.locktype = 'relation' and l.relation = c.oid and l.pid = pg_backend_pid() and l.granted
                           and l.database = (select oid from pg_database where datname = current_database()))`,
  );
  return z.array(relationSchema).parse(answer.rows);
}

/**
 * LOCK TABLE doesn't do materialised views, and REFRESH replaces their storage, which a snapshot does not survive.
 * So they are locked by preparing to read them, which plans nothing (an index of theirs may use a function that only works
 * under another search path, see row-too-long.ts), and the ones whose storage is no longer the snapshot's are returned.
 */
export async function lockMaterializedViews(client: Client): Promise<Relation[]> {
  const views = await client.query(
    `select c.oid::int8::text as oid, n.nspname as schema, c.relname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'm' and c.relispopulated and ${ownSchema("n")} and has_table_privilege(c.oid, 'SELECT') order by c.oid`,
  );
  const list = z.array(relationSchema).parse(views.rows);
  for (const { schema, name } of list) {
    try {
      await client.query(`prepare lock_view as select from ${quoteQualified(schema, name)}`);
      await client.query("deallocate lock_view");
    } catch (error) {
      throw new OperationError(
        "lock-failed",
        `The materialised view ${schema}.${name} could not be locked for reading (SQLSTATE ${sqlState(error)}).`,
        "Run again when it is not being refreshed.",
      );
    }
  }
  const replaced = await client.query(
    `select c.oid::int8::text as oid, n.nspname as schema, c.relname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.oid = any ($1::oid[]) and pg_relation_filenode(c.oid) is distinct from c.relfilenode`,
    [list.map(({ oid }) => oid)],
  );
  return z.array(relationSchema).parse(replaced.rows);
}
