import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { listLockable, lockMaterializedViews, lockTables, unlockedTables } from "./table-locks.ts";

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
