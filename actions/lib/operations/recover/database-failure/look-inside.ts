import type { Client } from "pg";
import { z } from "zod";
import { describeCode, LifeboatError } from "../../../base/errors.ts";
import type { Clock } from "../../../base/flow/clock.ts";
import type { ConnectionSettings } from "../../../config/connection-url.ts";
import { connect } from "../../../postgres/connect/connect.ts";
import { ownSchema } from "../../../postgres/inventory/object-query.ts";
import { isManagedSchema } from "../../../postgres/platform-owned.ts";
import { readSentinels } from "../../../postgres/sentinels.ts";
import type { InsideFacts } from "./judge-inside.ts";
import type { Look } from "./work.ts";

/** One attempt: who tries again and again with a password that is wrong trips the pooler's breaker, for everybody. */
const once = { attempts: 1, attemptSeconds: 10, baseMillis: 0, capMillis: 0 };
const querySeconds = 8;

const factsSchema = z.object({
  uptime: z.number(),
  recovery: z.boolean(),
  readonly: z.boolean(),
  timeline: z.number().nullable(),
  schemas: z.array(z.object({ name: z.string(), tables: z.number() })),
});

/** While it replays there is no timeline of its own to ask for. */
const query = `
  select extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8 * 1000 as uptime,
         pg_is_in_recovery() as recovery,
         case when not pg_is_in_recovery()
           then ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end as timeline,
         exists (select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase or s.setdatabase = 0
                  where s.setrole = 0 and d.datname = current_database() and 'default_transaction_read_only=on' = any (s.setconfig))
           or (current_setting('default_transaction_read_only') = 'on'
               -- The backup role's own setting says nothing of the database.
               and not exists (select from pg_db_role_setting s join pg_roles r on r.oid = s.setrole
                                where r.rolname = current_user and 'default_transaction_read_only=on' = any (s.setconfig))) as readonly,
         coalesce((select json_agg(json_build_object('name', t.nspname, 'tables', t.tables)) from (
           select n.nspname, count(*)::int as tables from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${ownSchema("n")} group by n.nspname) t), '[]') as schemas`;

/**
 * Looks into a database once, in one session that is closed again, within about twenty seconds: how long its server has run, what its
 * sentinels say about a moment, how many tables of people's there are.
 *
 * @param unix the moment, in seconds since 1970
 */
export async function lookInside(
  settings: ConnectionSettings,
  unix: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Look> {
  let client: Client | undefined;
  try {
    client = await connect(settings, {
      applicationName: "lifeboat/recover",
      patience: once,
      lockWaitSeconds: 2,
      signal,
    });
    return { kind: "inside", facts: await bounded(client, () => readFacts(client as Client, unix, clock)) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LifeboatError) {
      const refused = error.code === "source-authentication";
      return { kind: refused ? "refused" : "silent", why: refused ? "user or password" : withoutDot(error.message) };
    }
    return { kind: "silent", why: describeCode(error) };
  } finally {
    await client?.end().catch(() => undefined);
  }
}

const withoutDot = (text: string): string => text.replace(/\.$/, "");

/** A server that has signed in and says nothing more is hung up on. */
async function bounded<T>(client: Client, work: () => Promise<T>): Promise<T> {
  const hangUp = setTimeout(() => void client.end().catch(() => undefined), (querySeconds + 2) * 1000);
  try {
    await client.query(`set statement_timeout = '${querySeconds}s'`);
    return await work();
  } finally {
    clearTimeout(hangUp);
  }
}

/** @throws the driver's errors; ZodError for an answer of another form */
export async function readFacts(client: Client, unix: number, clock: Clock): Promise<InsideFacts> {
  // Before the question: the server was started at the earliest so long ago.
  const askedAt = clock.now();
  const { rows } = await client.query(query);
  const { uptime, recovery, timeline, readonly, schemas } = factsSchema.parse(rows[0]);
  const tables = schemas
    // Every project has the platform's own, an empty one too; our own rows say nothing about the users' either.
    .filter(({ name }) => !isManagedSchema(name) && name !== "lifeboat")
    .reduce((sum, one) => sum + one.tables, 0);
  const sentinels = await readSentinels(client, unix);
  return { askedAt, uptime, timeline, inRecovery: recovery, readOnly: readonly, tables, sentinels };
}
