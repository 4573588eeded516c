import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { z } from "zod";
import { describeCode, OperationError } from "../../base/errors.ts";
import { ownSchema } from "../inventory/object-query.ts";
import { snapshotLost } from "./snapshot.ts";

const lookSchema = z.strictObject({
  gone: z.array(z.number()),
  relation: z.string().nullable(),
  seconds: z.number().nullable(),
  queued: z.boolean().nullable(),
});

/**
 * Which of the backends that must live ($2) hold no lock any more; and who waits for a lock that a backend of ours ($1) holds:
 * first whoever has others waiting behind him, be it for what he has or for what he wants. `waitstart` exists since PostgreSQL 14.
 */
const look = `
  with locks as materialized (select pid, granted, relation, waitstart from pg_locks),
       queue as materialized (select *, pg_blocking_pids(pid) as before from locks where not granted)
  select array(select ours from unnest($2::int[]) ours
                where not exists (select from locks where pid = ours and granted)) as gone, first.*
    from (values (1)) one
    left join lateral (
      select coalesce(w.relation::regclass::text, 'an object') as relation,
             coalesce(extract(epoch from clock_timestamp() - w.waitstart), 0)::float8 as seconds,
             exists (select from queue other where w.pid = any (other.before)) as queued
        from queue w where w.pid <> all ($1::int[]) and w.before && $1::int[]
       order by queued desc, seconds desc limit 1) first on true`;

interface DdlWatch {
  /** Backends whose locks are ours. */
  readonly ours: () => readonly number[];
  /** Those of them that must not end. */
  readonly holders: () => readonly number[];
  /** How long somebody may wait for them, alone. */
  readonly yieldSeconds: number;
  /** Told how long each look took: a small question, which takes longer when the server or the way to it is busy. */
  readonly looked: (millis: number) => void;
  readonly signal: AbortSignal;
}

/** With others behind him nobody waits for us longer than this and a look: users feel it after two seconds. */
const queuedSeconds = 1;
const pollSeconds = 0.5;

/**
 * Watches until the signal says stop. A backup never hurts production: DDL that queues behind our ACCESS SHARE locks
 * makes every later query on that table queue behind it. Our own sessions count among those: then neither gets on.
 *
 * @returns when `signal` aborts
 * @throws OperationError `ddl-waiting` that names the table; `snapshot-lost`; `watch-lost` when the watching session is cut
 */
export async function watchForDdl(
  client: Client,
  { ours, holders, yieldSeconds, looked, signal }: DdlWatch,
): Promise<void> {
  while (!signal.aborted) {
    let seen: z.infer<typeof lookSchema>;
    const begun = performance.now();
    try {
      seen = lookSchema.parse((await client.query(look, [ours(), holders()])).rows[0]);
    } catch (error) {
      if (signal.aborted) return;
      throw new OperationError(
        "watch-lost",
        `The session that watches for waiting DDL was lost (${describeCode(error)}).`,
        "Run again; if it comes back, look at the database's health.",
      );
    }
    looked(performance.now() - begun);
    if (!signal.aborted && seen.gone.some((pid) => holders().includes(pid))) throw snapshotLost();
    const { relation, seconds, queued } = seen;
    if (seconds !== null && seconds >= (queued === true ? Math.min(queuedSeconds, yieldSeconds) : yieldSeconds)) {
      throw new OperationError(
        "ddl-waiting",
        `Somebody's change of ${relation} has waited ${Math.round(seconds)} s for the backup${queued === true ? ", with others behind it" : ""}; the backup gives way.`,
        "Run again after the migration. How long the backup lets others wait is source.yieldToDdlSeconds in the policy.",
      );
    }
    await delay(Math.min(pollSeconds, yieldSeconds / 4) * 1000, undefined, { signal }).catch(() => {});
  }
}

/** Somebody has a table, or waits for one, for himself alone. */
const changing = `
  select from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
   where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.database = (select oid from pg_database where datname = current_database())
     and c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't' and ${ownSchema("n")} limit 1`;

/**
 * Waits until nobody changes tables any more, for two looks a second apart: a migration has several statements.
 *
 * @param until of `performance.now()`
 * @returns false when it was `until` first
 */
export async function isQuiet(client: Client, until: number, signal: AbortSignal): Promise<boolean> {
  for (let quiet = 0; quiet < 2; ) {
    const { rows } = await client.query(changing);
    quiet = rows.length === 0 ? quiet + 1 : 0;
    if (performance.now() >= until) return false;
    await delay(1000, undefined, { signal });
  }
  return true;
}
