import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { z } from "zod";
import { describeCode, OperationError } from "../../base/errors.ts";

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

export interface DdlWatch {
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
