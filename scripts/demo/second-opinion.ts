import { escapeIdentifier } from "pg";
import { withClient } from "../../test/lab/index.ts";

/** Rows and content of the application's tables and of auth.users, by table. */
export type Contents = ReadonlyMap<string, string>;

/**
 * Reads the application's tables with two lines of SQL that have nothing to do with Lifeboat's own fingerprints, so that
 * the demo does not have to be believed.
 */
export async function readContents(url: string): Promise<Contents> {
  return withClient(url, async (client) => {
    await client.query("set statement_timeout = 0; set timezone = 'UTC'");
    const tables = await client.query<{ schema: string; name: string }>(
      "select schemaname as schema, tablename as name from pg_tables where schemaname = 'public' or (schemaname, tablename) = ('auth', 'users') order by 1, 2",
    );
    const contents = new Map<string, string>();
    for (const { schema, name } of tables.rows) {
      const table = `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`;
      const { rows } = await client.query<{ content: string }>(
        `select count(*) || ' rows, ' || coalesce(sum(hashtextextended(t::text, 0)), 0) as content from only ${table} t`,
      );
      contents.set(`${schema}.${name}`, rows[0]?.content ?? "");
    }
    return contents;
  });
}

/** Names of the tables that differ. */
export function differing(before: Contents, after: Contents): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((table) => before.get(table) !== after.get(table));
}
