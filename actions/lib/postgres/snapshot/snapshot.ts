import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { z } from "zod";
import { describeCode, OperationError, sqlState } from "../../base/errors.ts";
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
 * Locks all tables against being rewritten, altered or dropped, and then takes and exports one snapshot. In this order,
 * because a snapshot does not protect against what is not MVCC-safe (TRUNCATE, rewriting ALTER TABLE): a table that is
 * emptied between snapshot and lock would be dumped empty (postgresql.org/docs/current/mvcc-caveats.html).
 * A table that appears in between is noticed in the snapshot, and everything starts over.
 *
 * @param client a session of its own, outside any transaction, with lock_timeout pinned
 * @throws OperationError `lock-wait`, `lock-failed`; `catalogue-moving` when tables kept changing
 */
export async function takeLockedSnapshot(client: Client, log: Log): Promise<LockedSnapshot> {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const tables = await listLockable(client);
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    if ((await lockTables(client, tables)) === "locked") {
      const answer = await client.query(
        `select pg_export_snapshot() as id, clock_timestamp()::text as "takenAt", pg_backend_pid() as pid`,
      );
      const { id, takenAt, pid } = z
        .object({ id: z.string(), takenAt: z.string(), pid: z.number() })
        .parse(answer.rows[0]);
      const unlocked = [...(await unlockedTables(client)), ...(await lockMaterializedViews(client))];
      if (unlocked.length === 0) return { client, id, takenAt: parseTimestamp(takenAt), pid };
      log.debug(`Tables changed while they were being locked (${unlocked.length}); attempt ${attempt + 1}.`);
    }
    await client.query("ROLLBACK");
  }
  throw new OperationError(
    "catalogue-moving",
    `Tables kept being created, dropped or refreshed while they were being locked (${attempts} attempts).`,
    "Run again when no migration is under way.",
  );
}

/** Makes the session read exactly what the snapshot shows. @throws the driver's error when the snapshot is gone */
export async function attachSnapshot(client: Client, id: string): Promise<void> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  // A snapshot's name is given by the server; the statement takes no parameters.
  if (!/^[0-9A-F-]+$/.test(id))
    throw new OperationError("snapshot-name", "The server gave the snapshot an unexpected name.");
  await client.query(`SET TRANSACTION SNAPSHOT '${id}'`);
  // Rows that a policy would hide are an error, never silently left out.
  await client.query("SET LOCAL row_security = off");
}

/** `2026-11-22 22:15:00.123456+00`, as DateStyle ISO and TimeZone UTC give it. */
function parseTimestamp(text: string): Date {
  return new Date(text.replace(" ", "T").replace(/\+00$/, "Z"));
}

const relationSchema = z.strictObject({ oid: z.string(), schema: z.string(), name: z.string() });
type Relation = z.infer<typeof relationSchema>;

/** Locks per statement: one round trip for many tables, few enough names to search when a lock doesn't come. */
const batch = 100;

/** What pg_dump locks: tables and partitioned tables (pg_dump.c, getTables). In OID order, so that runs don't deadlock. */
async function listLockable(client: Client): Promise<Relation[]> {
  const answer = await client.query(
    `select c.oid::int8::text as oid, n.nspname as schema, c.relname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${ownSchema("n")} order by c.oid`,
  );
  return z.array(relationSchema).parse(answer.rows);
}

/** `moved`: a table went away between listing and locking, so the list must be made anew. */
type LockOutcome = "locked" | "moved";

/**
 * Takes ACCESS SHARE on every table. LOCK TABLE takes no snapshot (utility.c, PlannedStmtRequiresSnapshot), so inside a
 * REPEATABLE READ transaction whose first statements these are, the snapshot is younger than the locks.
 *
 * @throws OperationError `lock-wait` when somebody holds a table longer than lock_timeout; names the tables
 */
async function lockTables(client: Client, tables: readonly Relation[]): Promise<LockOutcome> {
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
      : [];
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
async function unlockedTables(client: Client): Promise<Relation[]> {
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
async function lockMaterializedViews(client: Client): Promise<Relation[]> {
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

const waitingSchema = z.strictObject({ relation: z.string(), seconds: z.number() });

/** Whoever waits for a lock that one of our backends holds, longest first. `waitstart` exists since PostgreSQL 14. */
const waiting = `
  select coalesce(l.relation::regclass::text, 'an object') as relation,
         coalesce(extract(epoch from clock_timestamp() - l.waitstart), 0)::float8 as seconds
    from pg_locks l
   where not l.granted and l.pid <> all ($1::int[]) and pg_blocking_pids(l.pid) && $1::int[]
   order by seconds desc limit 1`;

/** Our backends that no longer hold a lock: their session has ended, and with it the snapshot's protection. */
const lost = `
  select ours as pid from unnest($1::int[]) ours
   where not exists (select from pg_locks l where l.pid = ours and l.granted)`;

interface DdlWatch {
  /** Backends whose locks count as ours. */
  readonly pids: () => readonly number[];
  /** How long somebody may wait for them. */
  readonly yieldSeconds: number;
  readonly pollSeconds?: number;
  readonly signal: AbortSignal;
}

/**
 * Watches until the signal says stop. A backup never hurts production: DDL that queues behind our ACCESS SHARE locks
 * makes every later query on that table queue behind it.
 *
 * @returns when `signal` aborts
 * @throws OperationError `ddl-waiting` that names the table; `snapshot-lost`; `watch-lost` when the watching session is cut
 */
export async function watchForDdl(client: Client, watch: DdlWatch): Promise<void> {
  const poll = watch.pollSeconds ?? Math.min(2, Math.max(0.2, watch.yieldSeconds / 4));
  while (!watch.signal.aborted) {
    let longest: z.infer<typeof waitingSchema> | undefined;
    let gone: readonly { readonly pid: number }[];
    try {
      gone = z.array(z.object({ pid: z.number() })).parse((await client.query(lost, [watch.pids()])).rows);
      const answer = await client.query(waiting, [watch.pids()]);
      longest = answer.rows[0] === undefined ? undefined : waitingSchema.parse(answer.rows[0]);
    } catch (error) {
      if (watch.signal.aborted) return;
      throw new OperationError(
        "watch-lost",
        `The session that watches for waiting DDL was lost (${describeCode(error)}).`,
        "Run again; if it comes back, look at the database's health.",
      );
    }
    if (!watch.signal.aborted && gone.some(({ pid }) => watch.pids().includes(pid))) {
      throw new OperationError(
        "snapshot-lost",
        "The session that holds the snapshot and its locks was ended by the server or by somebody.",
        "Run again; if it comes back, look for what ends long transactions.",
      );
    }
    if (longest !== undefined && longest.seconds >= watch.yieldSeconds) {
      throw new OperationError(
        "ddl-waiting",
        `Somebody's change of ${longest.relation} has waited ${Math.round(longest.seconds)} s for the backup, which gives way.`,
        "Run again after the migration. How long the backup lets others wait is source.yieldToDdlSeconds in the policy.",
      );
    }
    await delay(poll * 1000, undefined, { signal: watch.signal }).catch(() => {});
  }
}
