import type { Client } from "pg";
import { z } from "zod";
import { quoteLiteral, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import { attempt } from "../../target/attempt.ts";

type Table = { readonly schema: string; readonly name: string };

const qualified = ({ schema, name }: Table): string => quoteQualified(schema, name);

/**
 * Empties tables of the platform: by TRUNCATE where the role may, which also gives the space back, else by DELETE, with
 * triggers off (storage.protect_delete refuses otherwise; supabase/storage, migration 0050) and with the setting that this
 * trigger asks for.
 *
 * @returns names of tables that still have rows
 */
export async function emptyTables(client: Client, groups: ReadonlyMap<string, readonly Table[]>): Promise<string[]> {
  const left: string[] = [];
  for (const tables of groups.values()) {
    const full: Table[] = [];
    for (const table of tables) if (await hasRows(client, table)) full.push(table);
    if (full.length === 0) continue;
    // All of the group, full or not: TRUNCATE refuses a table that another one outside of the statement refers to.
    const mine = await mayTruncate(client, tables);
    if (full.every((table) => mine.includes(table))) {
      if ((await attempt(client, `truncate ${mine.map(qualified).join(", ")}`)) === undefined) continue;
    }
    for (const table of full) {
      // What the role may not delete, no restore has put there.
      if (!(await mayDelete(client, table))) continue;
      await attempt(client, deleteQuietly(table));
      if (await hasRows(client, table)) left.push(tableName(table));
    }
  }
  return left;
}

function deleteQuietly(table: Table): string {
  return `begin; set local session_replication_role = replica;
    set local storage.allow_delete_query = 'true'; delete from ${qualified(table)}; commit`;
}

/** False also where the role may not look, and of a table that went with its extension. */
export async function hasRows(client: Client, table: Table): Promise<boolean> {
  const readable = await client.query(
    `select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
    [table.schema, table.name],
  );
  if (readable.rows[0]?.readable !== true) return false;
  const answer = await client.query(`select exists (select from only ${qualified(table)}) as filled`);
  return answer.rows[0]?.filled === true;
}

async function mayDelete(client: Client, table: Table): Promise<boolean> {
  const answer = await client.query("select has_table_privilege($1, 'delete') as may", [qualified(table)]);
  return answer.rows[0]?.may === true;
}

async function mayTruncate(client: Client, tables: readonly Table[]): Promise<Table[]> {
  const answer = await client.query(
    `select place::int from unnest($1::text[]) with ordinality as t(name, place) where has_table_privilege(to_regclass(t.name), 'truncate')`,
    [tables.map(qualified)],
  );
  const places = z.array(z.strictObject({ place: z.number() })).parse(answer.rows);
  return places.flatMap(({ place }) => tables[place - 1] ?? []);
}

/** Takes every cron job of this role away, by pg_cron's own function: nobody else may write `cron.job`. */
export async function unscheduleJobs(client: Client): Promise<void> {
  const there = await client.query("select to_regclass('cron.job') is not null as there");
  if (there.rows[0]?.there !== true) return;
  const answer = await client.query("select jobid::text as id, jobname as name from cron.job");
  const jobs = z.array(z.strictObject({ id: z.string(), name: z.string().nullable() })).parse(answer.rows);
  for (const { id, name } of jobs) {
    const byNumber = await attempt(client, `select cron.unschedule(${id}::bigint)`);
    if (byNumber !== undefined && name !== null) await attempt(client, `select cron.unschedule(${quoteLiteral(name)})`);
  }
}
