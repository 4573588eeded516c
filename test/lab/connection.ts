import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** The password of every login role of the lab; its servers listen on this machine only. */
export const LAB_PASSWORD = "lab";

/** The same server as `url`, with another database or user. Query parameters (socket folder, TLS) stay. */
export function urlFor(url: string, changes: { database?: string; user?: string; password?: string }): string {
  const changed = new URL(url);
  if (changes.database !== undefined) changed.pathname = `/${encodeURIComponent(changes.database)}`;
  if (changes.user !== undefined) changed.username = encodeURIComponent(changes.user);
  if (changes.password !== undefined) changed.password = encodeURIComponent(changes.password);
  return changed.href;
}

/** Connects, runs `work`, and hangs up whatever happened. */
export async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  // An idle client that loses its server emits `error`; the query in flight rejects with it anyway.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * Runs one SQL text, of several statements if need be, in a session of its own. Roles are shared by the whole cluster, so
 * another project may make or change the same role at the same moment: the loser (XX000 "tuple concurrently updated", a
 * deadlock, a duplicate in the catalogue) was rolled back whole and is tried again. For that the text must be one transaction, as it is without COMMIT.
 */
export async function execute(url: string, sql: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await withClient(url, (client) => client.query(sql));
      return;
    } catch (error) {
      if (attempt === 10 || !lostRace(error)) throw error;
      await sleep(20 * attempt);
    }
  }
}

function lostRace(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return false;
  const duplicate = error.code === "42710" || (error.code === "23505" && error.schema === "pg_catalog");
  return (
    duplicate ||
    error.code === "40P01" ||
    (error.code === "XX000" && /concurrently (updated|deleted)/.test(error.message))
  );
}
