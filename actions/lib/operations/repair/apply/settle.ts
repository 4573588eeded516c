import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError, sqlState } from "../../../base/errors.ts";
import type { RepairPlace, RepairRecord, RepairStep } from "../../../vault/repairs/records.ts";
import { type RepairVault, storeDone } from "../../../vault/repairs/store.ts";

/** What became of a transaction: what the database says, or that it cannot. */
export type Fate = "committed" | "rolled-back" | "in-progress" | "unknown";

export interface Settled {
  readonly id: string;
  readonly transaction: string;
  readonly fate: Fate;
}

const placeSchema = z.strictObject({
  database: z.string(),
  system: z.string(),
  timeline: z.number(),
  readOnly: z.boolean(),
});

/**
 * Which database a session is in.
 * @throws ConfigurationError `target-read-only`
 */
export async function placeOf(client: Client, ref: string | null): Promise<RepairPlace> {
  const answer = await client.query(
    `select current_database() as database, (select system_identifier from pg_control_system())::text as system,
            (select timeline_id from pg_control_checkpoint()) as timeline,
            pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as "readOnly"`,
  );
  const { readOnly, ...place } = placeSchema.parse(answer.rows[0]);
  if (!readOnly) return { ref, ...place };
  throw new ConfigurationError(
    "target-read-only",
    "The target accepts no writes: it is a replica, or its role or database is set to read-only transactions.",
    "Nothing was changed. Point the target's DATABASE_URL at the primary, with the role postgres (on Supabase) or a superuser.",
  );
}

/** A killed session's transaction ends as soon as its server has noticed, within a second or two. */
const waits = { times: 40, millis: 250 } as const;

/** Asks the database what became of a transaction of ours. */
export async function fateOf(client: Client, { begun }: RepairStep, here: RepairPlace): Promise<Fate> {
  const { place, transaction } = begun;
  // Another line of history may have given the number to another transaction.
  if (place.system !== here.system || place.timeline !== here.timeline) return "unknown";
  for (let time = 1; ; time++) {
    const status = await statusOf(client, transaction);
    if (status !== "in progress") return fates[status ?? ""] ?? "unknown";
    if (time === waits.times) return "in-progress";
    await sleep(waits.millis);
  }
}

const fates: Readonly<Record<string, Fate>> = { committed: "committed", aborted: "rolled-back" };

async function statusOf(client: Client, transaction: string): Promise<string | null> {
  try {
    const { rows } = await client.query("select pg_xact_status($1::xid8) as status", [transaction]);
    return z.string().nullable().parse(rows[0]?.status);
  } catch (error) {
    if (sqlState(error) !== "22023") throw error;
    return null; // a number that this server has not given out yet
  }
}

/**
 * Finds out what became of transactions whose end nobody has noted, in this database, and notes it: a run may have been killed before,
 * in or after its commit.
 */
export async function settle(
  client: Client,
  store: RepairVault,
  repairs: readonly RepairRecord[],
  here: RepairPlace,
  by: string,
): Promise<Settled[]> {
  const settled: Settled[] = [];
  for (const { id, steps } of repairs)
    for (const step of steps) {
      const { transaction, place } = step.begun;
      if (step.end !== undefined || place.database !== here.database || place.ref !== here.ref) continue;
      const fate = await fateOf(client, step, here);
      settled.push({ id, transaction, fate });
      if (fate === "committed" || fate === "rolled-back")
        await storeDone(store, { id, transaction, at: new Date().toISOString(), by, outcome: fate });
    }
  return settled;
}
