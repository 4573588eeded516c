import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../runtime/errors.ts";
import { describeCode } from "./sqlstate.ts";

const waitingSchema = z.strictObject({ relation: z.string(), seconds: z.number() });

/** Whoever waits for a lock that one of our backends holds, longest first. `waitstart` exists since PostgreSQL 14. */
const waiting = `
  select coalesce(l.relation::regclass::text, 'an object') as relation,
         coalesce(extract(epoch from clock_timestamp() - l.waitstart), 0)::float8 as seconds
    from pg_locks l
   where not l.granted and l.pid <> all ($1::int[]) and pg_blocking_pids(l.pid) && $1::int[]
   order by seconds desc limit 1`;

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
 * @throws OperationError `ddl-waiting` that names the table; `watch-lost` when the watching session is cut
 */
export async function watchForDdl(client: Client, watch: DdlWatch): Promise<void> {
  const poll = watch.pollSeconds ?? Math.min(2, Math.max(0.2, watch.yieldSeconds / 4));
  while (!watch.signal.aborted) {
    let longest: z.infer<typeof waitingSchema> | undefined;
    try {
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
