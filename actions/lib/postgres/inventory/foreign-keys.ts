import type { Client } from "pg";
import { z } from "zod";
import { quoteIdentifier, quoteQualified, tableName } from "../identifier.ts";
import { firstRow } from "./name-lookup.ts";
import { ownSchema } from "./object-query.ts";

const keySchema = z.strictObject({
  /** As pg_identify_object gives it. */
  identity: z.string(),
  valid: z.boolean(),
  schema: z.string(),
  table: z.string(),
  foreignSchema: z.string(),
  foreignTable: z.string(),
  columns: z.array(z.string()),
  foreignColumns: z.array(z.string()),
  operators: z.array(z.string()),
  /** MATCH FULL: a row that has some of the columns only breaks it too. */
  full: z.boolean(),
  /** Identities of what partitions have from it. */
  parts: z.array(z.string()),
});
export type ForeignKey = z.infer<typeof keySchema>;

/** All foreign keys of the database; what partitions have from their parents is not among them. */
export async function foreignKeys(client: Client): Promise<ForeignKey[]> {
  const answer = await client.query(`
    select i.identity, k.convalidated as valid, n.nspname as schema, c.relname as table, fn.nspname as "foreignSchema",
           fc.relname as "foreignTable",
           (select json_agg(a.attname order by u.place) from unnest(k.conkey) with ordinality u(num, place)
              join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num) as columns,
           (select json_agg(a.attname order by u.place) from unnest(k.confkey) with ordinality u(num, place)
              join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num) as "foreignColumns",
           (select json_agg(format('operator(%I.%s)', opn.nspname, o.oprname) order by u.place)
              from unnest(k.conpfeqop) with ordinality u(op, place)
              join pg_operator o on o.oid = u.op join pg_namespace opn on opn.oid = o.oprnamespace) as operators,
           k.confmatchtype = 'f' as full,
           (with recursive part(oid) as (
              select oid from pg_constraint where conparentid = k.oid
               union all select d.oid from pg_constraint d join part on d.conparentid = part.oid)
            select coalesce(json_agg(pi.identity), '[]') from part
             cross join lateral pg_identify_object('pg_constraint'::regclass, part.oid, 0) pi) as parts
      from pg_constraint k
      join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
      join pg_class fc on fc.oid = k.confrelid join pg_namespace fn on fn.oid = fc.relnamespace
     cross join lateral pg_identify_object('pg_constraint'::regclass, k.oid, 0) i
     where k.contype = 'f' and k.conparentid = 0 and ${ownSchema("n")}
     order by i.identity collate "C"`);
  return z.array(keySchema).parse(answer.rows);
}

/** Both tables of a key, as `tableName` writes them. */
export function tablesOf(key: ForeignKey): string[] {
  return [
    tableName({ schema: key.schema, name: key.table }),
    tableName({ schema: key.foreignSchema, name: key.foreignTable }),
  ];
}

/** The rows that point at nothing, as a FROM clause and what follows it; they are called `c`. */
export function orphansOf(key: ForeignKey): string {
  const filled = key.columns.map((column) => `c.${quoteIdentifier(column)} is not null`);
  const match = key.columns
    .map(
      (column, at) =>
        `p.${quoteIdentifier(key.foreignColumns[at] ?? "")} ${key.operators[at]} c.${quoteIdentifier(column)}`,
    )
    .join(" and ");
  const alone =
    `${filled.join(" and ")} and not exists ` +
    `(select from ${quoteQualified(key.foreignSchema, key.foreignTable)} p where ${match})`;
  const half = `(${filled.join(" or ")}) and not (${filled.join(" and ")})`;
  const broken = key.full && key.columns.length > 1 ? `(${alone}) or (${half})` : alone;
  return `from ${quoteQualified(key.schema, key.table)} c where ${broken}`;
}

/**
 * Counts rows in decimal digits; undefined when the role may not read them, or what they are asked cannot be told.
 * @param paths search paths to try when it does not work under the session's
 */
export async function countFrom(
  client: Client,
  from: string,
  paths: readonly string[] = [],
): Promise<string | undefined> {
  const row = await firstRow(client, paths, `select count(*)::text as found ${from}`);
  return z.strictObject({ found: z.string() }).optional().parse(row)?.found;
}
