import type { Client } from "pg";
import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { type Environment, readRestoreTestEnvironment } from "../../config/environment.ts";
import { connect } from "../../postgres/connect/connect.ts";
import { quoteQualified } from "../../postgres/identifier.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import { bookkeepingReason, isManagedSchema } from "../../postgres/platform-owned.ts";
import { readSentinels, sentinelSeconds, sentinelTable } from "../../postgres/sentinels.ts";

/** What the source has at the moment of the loss that the set does not have. */
export interface SourceLoss {
  /** Rows in tables of the user's that are more than in the set; null: a table did not answer in time, or the set does not open. */
  readonly rows: number | null;
  /** Files that were made or changed since; null: Storage's table cannot be read. */
  readonly files: number | null;
  /** Sentinels that were written since the set: one a minute, up to the loss; null where there are none. */
  readonly sentinels: number | null;
  /** Milliseconds since 1970: the newest sentinel; null where there are none. */
  readonly sentinel: number | null;
}

const countSeconds = 30;

/**
 * Counts at the source, in one transaction that can write nothing, what a loss at this moment would take. Changed rows do not show.
 * @param inventoryOf opens the set; rows are not counted where it does not open, and the drill goes on with an older one
 * @returns undefined where no source is set, or it does not answer: what is lost is then told by times alone
 */
export async function readSourceLoss(
  inventoryOf: () => Promise<Inventory>,
  snapshotAt: string,
  {
    env,
    log,
    signal,
    at,
  }: { readonly env: Environment; readonly log: Log; readonly signal: AbortSignal; readonly at: number },
): Promise<SourceLoss | undefined> {
  const { production } = readRestoreTestEnvironment(env);
  if (production === undefined) return undefined;
  const inventory = await inventoryOf().catch((error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`Lost rows are not counted: ${error.message}`);
    return undefined;
  });
  try {
    const client = await connect(production, { applicationName: "lifeboat/drill", log, signal });
    try {
      await client.query("begin transaction isolation level repeatable read read only");
      await client.query(`set local statement_timeout = '${countSeconds}s'`);
      const sentinel = await attempt(client, () => newestSentinel(client, at));
      return {
        sentinel,
        rows: inventory === undefined ? null : await attempt(client, () => newRows(client, inventory)),
        files: await attempt(client, () => newFiles(client, snapshotAt)),
        sentinels: sentinel === null ? null : await attempt(client, () => newSentinels(client, snapshotAt, at)),
      };
    } finally {
      await client.end().catch(() => undefined);
    }
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof LifeboatError ? error.code : "it broke off";
    log.warn(`What would be lost could not be counted at the source: ${why}.`);
    return undefined;
  }
}

/** What one question breaks must not keep the next from being asked. */
async function attempt<Found>(client: Client, ask: () => Promise<Found>): Promise<Found | null> {
  await client.query("savepoint ask");
  try {
    return await ask();
  } catch {
    return null;
  } finally {
    // Also where the question has taken a refusal for an answer: the transaction would take no other.
    await client.query("rollback to savepoint ask");
  }
}

const countSchema = z.object({ n: z.coerce.number() });

async function newRows(client: Client, { tables }: Inventory): Promise<number> {
  let more = 0;
  for (const { schema, name, fingerprint } of tables) {
    // Rows of files are counted as files.
    if (schema === "storage" || isManagedSchema(schema) || fingerprint === null) continue;
    if (bookkeepingReason(schema, name) !== undefined) continue;
    const { rows } = await client.query(`select count(*)::text as n from only ${quoteQualified(schema, name)}`);
    more += Math.max(0, countSchema.parse(rows[0]).n - Number(fingerprint.rows));
  }
  return more;
}

async function newFiles(client: Client, snapshotAt: string): Promise<number> {
  const { rows } = await client.query(
    "select count(*)::text as n from storage.objects where greatest(created_at, updated_at) > $1::timestamptz",
    [snapshotAt],
  );
  return countSchema.parse(rows[0]).n;
}

/** The rows that cron writes each minute, also just before the loss: nothing has to be written to have some. */
async function newSentinels(client: Client, snapshotAt: string, at: number): Promise<number> {
  const { schema, name } = sentinelTable;
  const { rows } = await client.query(
    `select count(*)::text as n from ${quoteQualified(schema, name)} where at > $1::timestamptz and at <= to_timestamp($2::float8)`,
    [snapshotAt, at / 1000],
  );
  return countSchema.parse(rows[0]).n;
}

/** When the newest sentinel up to a moment was written; null where there are none. Both in milliseconds since 1970. */
export async function newestSentinel(client: Client, at: number): Promise<number | null> {
  return (await readSentinels(client, at / 1000))?.before?.at ?? null;
}

/** A row a minute, and some seconds for a job that is late. */
const gap = 2.5 * sentinelSeconds * 1000;

/**
 * How much work, by the clock, the loss takes. Sentinels tell it only where they came up to the loss and up to the set: those that had stopped
 * long before would say that nothing was lost. Pure.
 * @param times milliseconds since 1970
 */
export function lostSpan(
  times: { readonly lostAt: number; readonly snapshotAt: number },
  sentinels: { readonly atSource: number | null; readonly restored: number | null },
): { seconds: number; measuredBy: "sentinels" | "times" } {
  const { atSource, restored } = sentinels;
  const { lostAt, snapshotAt } = times;
  const near = (one: number, other: number): boolean => Math.abs(one - other) <= gap;
  const told = atSource !== null && restored !== null && near(atSource, lostAt) && near(restored, snapshotAt);
  const millis = told ? atSource - restored : lostAt - snapshotAt;
  return { seconds: Math.max(0, Math.round(millis / 1000)), measuredBy: told ? "sentinels" : "times" };
}
