import { readFile } from "node:fs/promises";
import type { Client } from "pg";
import { describeCode, sqlState } from "../../base/errors.ts";
import { countOf, few } from "../../base/measures.ts";
import type { MigrationFinding, MigrationPlan } from "../../policy/migrations.ts";

const standIn = new URL("../../supabase/platform/stand-in.sql", import.meta.url);

/** Extensions that this server has the files of. */
export async function availableExtensions(client: Client): Promise<ReadonlySet<string>> {
  const rows = await client.query<{ name: string }>("select name::text from pg_catalog.pg_available_extensions");
  return new Set(rows.rows.map(({ name }) => name));
}

/**
 * Makes the schema that a change finds, on plain PostgreSQL with a stand-in for what Supabase brings, as far as it goes: a
 * statement that does not work there is left out, and so what needs it is.
 *
 * @returns what is missing, by file; none: the schema is whole
 */
export async function buildBase(client: Client, plan: MigrationPlan): Promise<MigrationFinding[]> {
  await client.query(await readFile(standIn, "utf8"));
  const missing: MigrationFinding[] = [];
  for (const { file, runs } of plan.pending) {
    const left: string[] = [];
    await client.query("reset all; begin");
    for (const { sql, what } of runs) {
      await client.query("savepoint lifeboat_statement");
      try {
        await client.query(sql);
      } catch (error) {
        if (sqlState(error) === "none") throw error;
        left.push(`${what} (${describeCode(error)})`);
        await client.query("rollback to savepoint lifeboat_statement");
      }
    }
    await client.query("commit");
    if (left.length === 0) continue;
    const amount = `${left.length} of ${countOf(runs.length, "statement")}`;
    missing.push({
      file,
      severity: "told",
      what: `is not whole on plain PostgreSQL, ${amount} missing: ${few(left, 3)}`,
    });
  }
  return missing;
}
