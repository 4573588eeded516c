import type { Client } from "pg";
import { z } from "zod";
import { quoteIdentifier, quoteQualified, tableName } from "../identifier.ts";
import { isManagedSchema } from "../platform-owned.ts";
import { ownSchema } from "./object-query.ts";

const columnSchema = z.strictObject({ schema: z.string(), name: z.string(), column: z.string(), bytes: z.number() });

/** Columns of people's own tables that hold OIDs as numbers. `regclass` and its kin travel as names. */
const columns = `
  select n.nspname as schema, c.relname as name, a.attname as "column", pg_table_size(c.oid)::float8 as bytes
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.atttypid = 'oid'::regtype
   where c.relkind = 'r' and c.relpersistence <> 't' and ${ownSchema("n")}
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
   order by n.nspname collate "C", c.relname collate "C", a.attnum`;

/** A table larger than this is not looked at: its column is named in any case. */
const lookedAtBytes = 1024 ** 3;

/**
 * Columns, as `schema.table.column`, that hold other OIDs than those of large objects: numbers of tables, functions or roles,
 * which are others in every copy. What the role may not read is left out.
 */
export async function strayOids(client: Client): Promise<string[]> {
  const found: string[] = [];
  for (const { schema, name, column, bytes } of z.array(columnSchema).parse((await client.query(columns)).rows)) {
    if (isManagedSchema(schema)) continue;
    const value = `t.${quoteIdentifier(column)}`;
    const stray = `select exists (select from only ${quoteQualified(schema, name)} t
       where ${value} <> 0 and not exists (select from pg_largeobject_metadata m where m.oid = ${value})) as stray`;
    const answer =
      bytes > lookedAtBytes ? undefined : await client.query(stray).catch(() => ({ rows: [{ stray: false }] }));
    if (answer === undefined || answer.rows[0]?.stray === true) found.push(`${tableName({ schema, name })}.${column}`);
  }
  return found;
}

const rowSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  readSchema: z.string(),
  readName: z.string(),
});

/**
 * The materialised views that each one reads: itself, by views, or by functions that name them. By `tableName`. What a
 * function builds out of pieces is not seen.
 */
export async function viewsReadBy(client: Client): Promise<Map<string, string[]>> {
  const answer = await client.query(`
    with recursive reads(view, classid, objid) as (
      select c.oid, 'pg_class'::regclass::oid, c.oid from pg_class c where c.relkind = 'm'
       union
      select reads.view, d.classid, d.objid
        from reads cross join lateral (
          select d.refclassid, d.refobjid
            from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
           where reads.classid = 'pg_class'::regclass and r.ev_class = reads.objid
             and d.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass)
           union all
          select d.refclassid, d.refobjid from pg_depend d
           where reads.classid = 'pg_proc'::regclass and d.classid = reads.classid and d.objid = reads.objid
             and d.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass)
           union all
          select 'pg_class'::regclass::oid, m.oid
            from pg_proc p join pg_class m on m.relkind = 'm' and position(m.relname in p.prosrc) > 0
           where reads.classid = 'pg_proc'::regclass and p.oid = reads.objid) d(classid, objid))
    select n.nspname as schema, c.relname as name, mn.nspname as "readSchema", m.relname as "readName"
      from reads join pg_class c on c.oid = reads.view join pg_namespace n on n.oid = c.relnamespace
      join pg_class m on m.oid = reads.objid and reads.classid = 'pg_class'::regclass and m.relkind = 'm' and m.oid <> c.oid
      join pg_namespace mn on mn.oid = m.relnamespace`);
  const reads = new Map<string, string[]>();
  for (const row of z.array(rowSchema).parse(answer.rows)) {
    const view = tableName(row);
    reads.set(view, [...(reads.get(view) ?? []), tableName({ schema: row.readSchema, name: row.readName })]);
  }
  return reads;
}
