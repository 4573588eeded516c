import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { z } from "zod";
import { OperationError, sqlState } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { quoteQualified, tableName } from "../identifier.ts";
import { ownSchema } from "../inventory/object-query.ts";

/** One exported snapshot with every table locked; it lives as long as the transaction of `client`. */
export interface LockedSnapshot {
  /** The session that holds the locks; it may read under the snapshot too. */
  readonly client: Client;
  /** Name of the exported snapshot, for `SET TRANSACTION SNAPSHOT` and `pg_dump --snapshot`. */
  readonly id: string;
  readonly takenAt: Date;
  /** Backend that others wait for when they wait for us. */
  readonly pid: number;
}

const attempts = 5;

/**
 * No lock is waited for while others are held: whoever has that one may be about to want one of these, and the server would
 * cancel his migration, not us. All are let go, and after a moment everything starts over.
 */
const briefly = "SET LOCAL lock_timeout = '1ms'";
const pauseMillis = 200;

/**
 * Locks all tables against being rewritten, altered or dropped, and then takes and exports one snapshot. In this order,
 * because a snapshot does not protect against what is not MVCC-safe (TRUNCATE, rewriting ALTER TABLE): a table that is
 * emptied between snapshot and lock would be dumped empty (postgresql.org/docs/current/mvcc-caveats.html).
 * A table that appears in between is noticed in the snapshot, and everything starts over.
 *
 * @param client a session of its own, outside any transaction
 * @param lockWaitSeconds longest wait for whoever holds a table
 * @throws OperationError `lock-wait`, `lock-failed`; `catalogue-moving` when tables kept changing
 */
export async function takeLockedSnapshot(client: Client, lockWaitSeconds: number, log: Log): Promise<LockedSnapshot> {
  const until = performance.now() + lockWaitSeconds * 1000;
  for (let attempt = 1; attempt <= attempts; ) {
    try {
      const snapshot = await lockAndExport(client);
      if (snapshot !== undefined) {
        await client.query(`SET LOCAL lock_timeout = '${Math.ceil(lockWaitSeconds * 1000)}ms'`);
        return snapshot;
      }
      await client.query("ROLLBACK");
      attempt += 1;
      log.debug(`Tables changed while they were being locked; attempt ${attempt}.`);
    } catch (error) {
      if (!(error instanceof LockRefused)) throw error;
      await client.query("ROLLBACK");
      const passes = error.state === "55P03" && performance.now() < until;
      if (!passes) throw await explainLock(client, error);
      await delay(pauseMillis);
    }
  }
  throw new OperationError(
    "catalogue-moving",
    `Tables kept being created, dropped or refreshed while they were being locked (${attempts} attempts).`,
    "Run again when no migration is under way.",
  );
}

/** @returns undefined when tables came, went or were replaced meanwhile @throws LockRefused */
async function lockAndExport(client: Client): Promise<LockedSnapshot | undefined> {
  const tables = await listLockable(client);
  await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${briefly}`);
  if ((await lockTables(client, tables)) === "moved") return undefined;
  const answer = await client.query(
    `select pg_export_snapshot() as id, clock_timestamp()::text as "takenAt", pg_backend_pid() as pid`,
  );
  const { id, takenAt, pid } = z.object({ id: z.string(), takenAt: z.string(), pid: z.number() }).parse(answer.rows[0]);
  const unlocked = (await unlockedTables(client)) + (await lockMaterializedViews(client));
  return unlocked > 0 ? undefined : { client, id, takenAt: parseTimestamp(takenAt), pid };
}

/** Makes the session read exactly what the snapshot shows. @throws OperationError `snapshot-lost`; the driver's error */
export async function attachSnapshot(client: Client, id: string): Promise<void> {
  // A snapshot's name is given by the server; the statement takes no parameters.
  if (!/^[0-9A-F-]+$/.test(id))
    throw new OperationError("snapshot-name", "The server gave the snapshot an unexpected name.");
  const begin = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '${id}'`;
  try {
    // Rows that a policy would hide are an error, never silently left out.
    await client.query(`${begin}; SET LOCAL row_security = off`);
  } catch (error) {
    // snapmgr.c, ImportSnapshot: there is none of that name (15: 22023, 17: 42704), or its owner has just ended.
    throw ["22023", "42704", "55000"].includes(sqlState(error)) ? snapshotLost() : error;
  }
}

/**
 * Does something that cannot be done without the session that holds the snapshot.
 * @throws OperationError `snapshot-lost` when that is no more, whatever failed for it; else what the work throws
 */
export async function whileHeld<T>(holder: Client, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw (await isCut(holder)) ? snapshotLost() : error;
  }
}

/** An idle session's answer, or its end, comes sooner; for a busy one nobody should wait. */
const mostMillis = 5000;

/** Whether a session is no more. One that answers, be it with a refusal, is there; so is one that says nothing. */
async function isCut(client: Client): Promise<boolean> {
  const answer = client.query("select 1").then(
    () => false,
    (error: unknown) => sqlState(error) === "none",
  );
  const patience = new AbortController();
  const silent = delay(mostMillis, false, { signal: patience.signal }).catch(() => false);
  return Promise.race([answer, silent]).finally(() => patience.abort());
}

export function snapshotLost(): OperationError {
  return new OperationError(
    "snapshot-lost",
    "The session that holds the snapshot and its locks was ended by the server or by somebody.",
    "Run again; if it comes back, look for what ends long transactions.",
  );
}

/** `2026-11-22 22:15:00.123456+00`, as DateStyle ISO and TimeZone UTC give it. */
function parseTimestamp(text: string): Date {
  return new Date(text.replace(" ", "T").replace(/\+00$/, "Z"));
}

const relationSchema = z.strictObject({ oid: z.string(), schema: z.string(), name: z.string() });
type Relation = z.infer<typeof relationSchema>;

/** Locks per statement: one round trip for many tables. */
const batch = 500;

/** What pg_dump locks: tables and partitioned tables (pg_dump.c, getTables). In OID order, so that runs don't deadlock. */
async function listLockable(client: Client): Promise<Relation[]> {
  const answer = await client.query(
    `select c.oid::int8::text as oid, n.nspname as schema, c.relname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${ownSchema("n")} order by c.oid`,
  );
  return z.array(relationSchema).parse(answer.rows);
}

class LockRefused extends Error {
  readonly tables: readonly Relation[];
  readonly state: string;
  constructor(tables: readonly Relation[], state: string) {
    super("a lock was refused");
    this.tables = tables;
    this.state = state;
  }
}

/**
 * Takes ACCESS SHARE on every table. LOCK TABLE takes no snapshot (utility.c, PlannedStmtRequiresSnapshot), so inside a
 * REPEATABLE READ transaction whose first statements these are, the snapshot is younger than the locks.
 *
 * @returns `moved` when a table went away between listing and locking @throws LockRefused, the driver's error
 */
function lockTables(client: Client, tables: readonly Relation[]): Promise<"locked" | "moved"> {
  return inBatches(client, tables, (some) => {
    const names = some.map(({ schema, name }) => `ONLY ${quoteQualified(schema, name)}`).join(", ");
    return `LOCK TABLE ${names} IN ACCESS SHARE MODE`;
  });
}

async function inBatches(
  client: Client,
  relations: readonly Relation[],
  statement: (some: readonly Relation[]) => string,
): Promise<"locked" | "moved"> {
  for (let start = 0; start < relations.length; start += batch) {
    const some = relations.slice(start, start + batch);
    try {
      await client.query(statement(some));
    } catch (error) {
      const state = sqlState(error);
      // 42P01: gone; 3F000: its schema is gone; 42809: no longer a table.
      if (["42P01", "3F000", "42809"].includes(state)) return "moved";
      throw state === "none" ? error : new LockRefused(some, state);
    }
  }
  return "locked";
}

async function explainLock(client: Client, { tables, state }: LockRefused): Promise<OperationError> {
  /** Those of the tables whose OIDs the query gives; none when it cannot be asked. */
  const among = async (sql: string): Promise<Relation[]> => {
    const answer = await client.query(sql, [tables.map(({ oid }) => oid)]).catch(() => ({ rows: [] }));
    const found = z.array(z.object({ oid: z.string() })).parse(answer.rows);
    return found.flatMap(({ oid }) => tables.filter((table) => table.oid === oid));
  };
  if (state === "55P03") {
    const names = await among(
      `select distinct relation::int8::text as oid from pg_locks
        where relation = any ($1::oid[]) and mode = 'AccessExclusiveLock' and database = (select oid from pg_database where datname = current_database())`,
    );
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
  const names =
    state === "42501"
      ? await among(
          "select oid::int8::text as oid from unnest($1::oid[]) oid where not has_table_privilege(oid, 'SELECT')",
        )
      : tables.slice(0, tables.length === 1 ? 1 : 0);
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

/** How many tables the transaction's snapshot has that this session has not locked. */
async function unlockedTables(client: Client): Promise<number> {
  const answer = await client.query(
    `select count(*)::int as many
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${ownSchema("n")}
        and not exists (select from pg_locks l
                         where l.locktype = 'relation' and l.relation = c.oid and l.pid = pg_backend_pid() and l.granted
                           and l.database = (select oid from pg_database where datname = current_database()))`,
  );
  return countSchema.parse(answer.rows[0]).many;
}

const countSchema = z.object({ many: z.number() });

/**
 * LOCK TABLE doesn't do materialised views, and REFRESH replaces their storage, which a snapshot does not survive.
 * So they are locked by preparing to read them, which plans nothing (an index of theirs may use a function that only works
 * under another search path, see row-too-long.ts).
 *
 * @returns how many there are whose storage is no longer the snapshot's @throws LockRefused, the driver's error
 */
async function lockMaterializedViews(client: Client): Promise<number> {
  const views = await client.query(
    `select c.oid::int8::text as oid, n.nspname as schema, c.relname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'm' and c.relispopulated and ${ownSchema("n")} and has_table_privilege(c.oid, 'SELECT') order by c.oid`,
  );
  const list = z.array(relationSchema).parse(views.rows);
  const outcome = await inBatches(client, list, (some) =>
    some
      .map(
        ({ schema, name }) => `prepare lock_view as select from ${quoteQualified(schema, name)}; deallocate lock_view`,
      )
      .join("; "),
  );
  if (outcome === "moved") return 1;
  const replaced = await client.query(
    "select count(*)::int as many from pg_class c where c.oid = any ($1::oid[]) and pg_relation_filenode(c.oid) is distinct from c.relfilenode",
    [list.map(({ oid }) => oid)],
  );
  return countSchema.parse(replaced.rows[0]).many;
}
