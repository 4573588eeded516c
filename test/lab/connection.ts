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

/** Runs one SQL text, of several statements if need be, in a session of its own. */
export async function execute(url: string, sql: string): Promise<void> {
  await withClient(url, (client) => client.query(sql));
}
