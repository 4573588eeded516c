import pg from "pg";
import { describe, expect, test } from "vitest";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { backendOf, connect } from "../../actions/lib/postgres/connect/connect.ts";
import { startPlainPooler } from "../lab/servers/plain-pooler.ts";
import { sharedPostgres } from "../lab/servers/started.ts";

const url = sharedPostgres(17).superuserUrl();
const options = { applicationName: "lifeboat/poolers", setting: "DATABASE_URL" };
const pinned = "select current_setting('search_path') as path, current_setting('extra_float_digits') as digits";

async function through<T>(where: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(where);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

const settingsOf = (where: string) => through(where, async (client) => (await client.query(pinned)).rows[0]);

describe("a pooler in transaction mode is refused at any port, and its sessions stay as they were", () => {
  test.each([1, 2, 5])("with %i sessions at the server", async (sessions) => {
    const before = await settingsOf(url);
    await using pooler = await startPlainPooler(url, { mode: "transaction", sessions });
    for (let run = 0; run < 2; run += 1) {
      await expect(connect(parseConnectionUrl(pooler.url), options)).rejects.toMatchObject({
        code: "transaction-pooler",
        exitCode: 2,
        message: expect.stringMatching(/^DATABASE_URL leads to a pooler in transaction mode/),
      });
    }
    // Everybody who gets one of these sessions next has the server's own settings.
    const clients = Array.from({ length: sessions }, () => new pg.Client(pooler.url));
    for (const client of clients) {
      await client.connect();
      await client.query("begin");
      expect((await client.query(pinned)).rows[0]).toEqual(before);
    }
    await Promise.all(clients.map((client) => client.end()));
  });
});

test("a pooler in session mode is taken, one that has a single session, too", async () => {
  for (const sessions of [1, 3]) {
    await using pooler = await startPlainPooler(url, { mode: "session", sessions });
    const patience = { attempts: 1, attemptSeconds: sessions === 1 ? 2 : 60, baseMillis: 1, capMillis: 1 };
    const client = await connect(parseConnectionUrl(pooler.url), { ...options, patience });
    try {
      const { rows } = await client.query(`${pinned}, pg_backend_pid() as pid`);
      expect(rows[0]).toEqual({ path: "pg_catalog", digits: "3", pid: backendOf(client) });
    } finally {
      await client.end();
    }
  }
});
