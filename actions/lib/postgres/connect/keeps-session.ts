import type { Client } from "pg";
import { ConfigurationError } from "../../base/errors.ts";
import { sessionPoolerAdvice } from "../../config/connection-url.ts";

async function backend(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_catalog.pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}

/**
 * Whether a pooler gives a session to one client alone until he leaves (session mode). In transaction mode two things show, one or the other whatever
 * the order in which a pooler lends what it has: a session changes between two statements, or another client comes into the
 * same one. Nothing is set meanwhile: it would go to whoever gets that session next.
 *
 * @param open another client of the same pooler
 * @param seconds what is waited for it: where it gets no session, ours is kept for us
 */
async function keepsSession(client: Client, open: () => Client, seconds: number): Promise<boolean> {
  const seen = [await backend(client), await backend(client)];
  const other = open();
  const limit = setTimeout(() => void other.end().catch(() => undefined), seconds * 1000);
  // A transaction that is open keeps its session in every mode.
  let others: number | undefined;
  try {
    others = await other
      .connect()
      .then(() => other.query("begin"))
      .then(() => backend(other))
      .catch(() => undefined);
    // Where it is ours, ours would wait for it.
    if (others !== undefined && seen.includes(others)) return false;
    seen.push(await backend(client));
    return new Set(seen).size === 1;
  } finally {
    if (others !== undefined) await other.query("rollback").catch(() => undefined);
    clearTimeout(limit);
    await other.end().catch(() => undefined);
  }
}

/** @throws ConfigurationError `transaction-pooler` */
export async function refuseTransactionPooler(
  client: Client,
  open: () => Client,
  { seconds, setting }: { readonly seconds: number; readonly setting: string },
): Promise<void> {
  if (await keepsSession(client, open, seconds)) return;
  throw new ConfigurationError(
    "transaction-pooler",
    `${setting} leads to a pooler in transaction mode, which keeps no session: settings, locks and the snapshot would be another client's. Nothing has been read or changed.`,
    `Connect to the server itself or to a pooler in session mode (PgBouncer: pool_mode = session). On Supabase: ${sessionPoolerAdvice(undefined)}`,
  );
}
