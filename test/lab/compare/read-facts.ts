import { readdir, readFile } from "node:fs/promises";
import type pg from "pg";
import { withClient } from "../connection.ts";

/** `kind identity` to what it is. Rows are there as a count and a hash. */
export type Facts = ReadonlyMap<string, string>;

const folder = new URL("./sql/", import.meta.url);

// Everything that shows in text output is pinned; an empty search path makes every name carry its schema.
const PINNED = `
  set search_path = ''; set statement_timeout = 0; set lock_timeout = '30s'; set timezone = 'UTC'; set datestyle = 'ISO, YMD';
  set intervalstyle = 'postgres'; set extra_float_digits = 1; set bytea_output = 'hex'; set lc_monetary = 'C'; set xmloption = 'content';
  set row_security = off; set quote_all_identifiers = off; set standard_conforming_strings = on;
  begin isolation level repeatable read read only;`;

/** Reads everything there is to compare about one database, in one snapshot. */
export async function readFacts(url: string): Promise<Facts> {
  return withClient(url, async (client) => {
    await client.query(PINNED);
    const facts = new Map<string, string>();
    for (const file of (await readdir(folder)).sort()) {
      await collect(client, facts, await readFile(new URL(file, folder), "utf8"));
    }
    await readSequences(client, facts);
    await readRows(client, facts);
    return facts;
  });
}

async function collect(client: pg.Client, facts: Map<string, string>, sql: string): Promise<void> {
  const result = await client.query<{ kind: string; identity: string; definition: string | null }>(sql);
  for (const { kind, identity, definition } of result.rows) facts.set(`${kind} ${identity}`, definition ?? "");
}

async function readSequences(client: pg.Client, facts: Map<string, string>): Promise<void> {
  const sequences = await client.query<{ name: string; step: string }>(
    "select seqrelid::regclass::text as name, seqincrement::text as step from pg_sequence",
  );
  for (const { name, step } of sequences.rows) {
    const sql = `select 'sequence value' as kind, $1 as identity,
      concat_ws(' ', last_value, case when is_called then 'called' else 'not called' end, 'by', $2::text) as definition from ${name}`;
    const result = await client.query<{ definition: string }>(sql, [name, step]);
    facts.set(`sequence value ${name}`, result.rows[0]?.definition ?? "");
  }
}

/** Rows of every table that holds some itself, and of every populated materialised view, as sorted text. */
async function readRows(client: pg.Client, facts: Map<string, string>): Promise<void> {
  const tables = await client.query<{ name: string; columns: string }>(`
    select c.oid::regclass::text as name,
      coalesce((select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped), '') as columns
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm') and c.relispopulated and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    order by 1`);
  for (const { name, columns } of tables.rows) {
    const result = await client.query<{ rows: string; hash: string | null }>(`
      select count(*)::text as rows, md5(string_agg(line, '' order by line collate "C")) as hash
      from (select md5(row(${columns})::text) as line from only ${name}) as lines`);
    const { rows, hash } = result.rows[0] ?? { rows: "?", hash: null };
    facts.set(`rows ${name}`, `${rows} rows ${hash ?? "-"}`);
  }
}
