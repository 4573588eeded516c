import type { Client } from "pg";
import { z } from "zod";
import { quoteIdentifier, quoteQualified } from "../source/identifier.ts";
import { ownSchema } from "../source/inventory/object-query.ts";
import { sqlState } from "../source/sqlstate.ts";
import type { Difference } from "./difference.ts";

const keySchema = z.strictObject({
  name: z.string(),
  identity: z.string(),
  schema: z.string(),
  table: z.string(),
  foreignSchema: z.string(),
  foreignTable: z.string(),
  columns: z.array(z.string()),
  foreignColumns: z.array(z.string()),
  operators: z.array(z.string()),
});

/**
 * Checks foreign keys that were there before the rows: the load ran with triggers off, so nothing has looked at them yet.
 * Keys that the restore itself added were checked by Postgres as it added them.
 *
 * @param existed identities of the table constraints that the target had before
 */
export async function checkReferences(
  client: Client,
  existed: ReadonlySet<string>,
): Promise<{ checked: number; total: number; differences: Difference[] }> {
  const answer = await client.query(`
    select k.conname as name, i.identity, n.nspname as schema, c.relname as table, fn.nspname as "foreignSchema",
           fc.relname as "foreignTable",
           (select json_agg(a.attname order by u.place) from unnest(k.conkey) with ordinality u(num, place)
              join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num) as columns,
           (select json_agg(a.attname order by u.place) from unnest(k.confkey) with ordinality u(num, place)
              join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num) as "foreignColumns",
           (select json_agg(format('operator(%I.%s)', opn.nspname, o.oprname) order by u.place)
              from unnest(k.conpfeqop) with ordinality u(op, place)
              join pg_operator o on o.oid = u.op join pg_namespace opn on opn.oid = o.oprnamespace) as operators
      from pg_constraint k
      join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
      join pg_class fc on fc.oid = k.confrelid join pg_namespace fn on fn.oid = fc.relnamespace
     cross join lateral pg_identify_object('pg_constraint'::regclass, k.oid, 0) i
     where k.contype = 'f' and k.convalidated and k.conparentid = 0 and ${ownSchema("n")}
     order by i.identity collate "C"`);
  const keys = z.array(keySchema).parse(answer.rows);
  const mine = keys.filter((key) => existed.has(key.identity));
  const differences: Difference[] = [];
  for (const key of mine) {
    const found = await orphans(client, key);
    if (found === "0") continue;
    differences.push({
      kind: "table constraint",
      identity: key.identity,
      aspect: "reference",
      detail: found === undefined ? "could not be checked" : `${found} rows point at nothing`,
      verdict: found === undefined ? "unverified" : "failed",
      why: found === undefined ? "the role may not read both tables" : "rows that they refer to are missing",
    });
  }
  return { checked: mine.length, total: keys.length, differences };
}

async function orphans(client: Client, key: z.infer<typeof keySchema>): Promise<string | undefined> {
  const filled = key.columns.map((column) => `c.${quoteIdentifier(column)} is not null`).join(" and ");
  const match = key.columns
    .map(
      (column, at) =>
        `p.${quoteIdentifier(key.foreignColumns[at] ?? "")} ${key.operators[at]} c.${quoteIdentifier(column)}`,
    )
    .join(" and ");
  try {
    const answer = await client.query(
      `select count(*)::text as orphans from ${quoteQualified(key.schema, key.table)} c
        where ${filled} and not exists (select from ${quoteQualified(key.foreignSchema, key.foreignTable)} p where ${match})`,
    );
    return z.strictObject({ orphans: z.string() }).parse(answer.rows[0]).orphans;
  } catch (error) {
    if (sqlState(error) === "none") throw error;
    return undefined;
  }
}
