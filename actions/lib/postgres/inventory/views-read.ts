import type { Client } from "pg";
import { z } from "zod";
import { tableName } from "../identifier.ts";

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
