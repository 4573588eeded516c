import type { Client } from "pg";
import { z } from "zod";
import { quoteIdentifier, quoteQualified, tableName } from "../identifier.ts";
import { isManagedSchema } from "../platform-owned.ts";
import { firstRows } from "./name-lookup.ts";
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
  /** A row that goes takes those along that point at it. */
  cascades: z.boolean(),
  /** What a row that goes or gets another key sets in those that point at it: SET NULL and SET DEFAULT. */
  resets: z.array(
    z.strictObject({
      on: z.enum(["delete", "update"]),
      /** Which columns, and the default's expression; null: they are emptied. */
      columns: z.array(z.strictObject({ column: z.string(), expression: z.string().nullable() })),
    }),
  ),
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
           k.confmatchtype = 'f' as full, k.confdeltype = 'c' as cascades,
           (select coalesce(json_agg(json_build_object('on', w.event, 'columns',
                     (select json_agg(json_build_object('column', a.attname, 'expression',
                               case w.action when 'd' then pg_get_expr(d.adbin, d.adrelid) end) order by u.place)
                        from unnest(coalesce(w.columns, k.conkey)) with ordinality u(num, place)
                        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num
                        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum)) order by w.event), '[]')
              from (values ('delete', k.confdeltype, k.confdelsetcols), ('update', k.confupdtype, null)) w(event, action, columns)
             where w.action in ('n', 'd')) as resets,
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
 * Counts rows, FROM clause by FROM clause, in decimal digits; undefined where the role may not read them, or what they are asked
 * cannot be told.
 * @param paths search paths to try when it does not work under the session's
 */
export async function countEach(
  client: Client,
  from: readonly string[],
  paths: readonly string[] = [],
): Promise<(string | undefined)[]> {
  const rows = await firstRows(
    client,
    paths,
    from.map((one) => ({ sql: `select count(*)::text as found ${one}` })),
  );
  return rows.map((row) => z.strictObject({ found: z.string() }).optional().parse(row)?.found);
}

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
const readBytes = 1024 ** 3;

/**
 * Columns, as `schema.table.column`, that hold other OIDs than those of large objects: numbers of tables, functions or roles,
 * which are others in every copy. What the role may not read is left out.
 */
export async function strayOids(client: Client): Promise<string[]> {
  const all = z.array(columnSchema).parse((await client.query(columns)).rows);
  const looked = all.filter(({ schema }) => !isManagedSchema(schema));
  const readable = looked.filter(({ bytes }) => bytes <= readBytes);
  const questions = readable.map(({ schema, name, column }) => {
    const value = `t.${quoteIdentifier(column)}`;
    const stray = `from only ${quoteQualified(schema, name)} t
       where ${value} <> 0 and not exists (select from pg_largeobject_metadata m where m.oid = ${value})`;
    return { sql: `select ${stray} limit 1` };
  });
  const rows = await firstRows(client, [], questions);
  const clean = new Set(readable.filter((_, at) => rows[at] === undefined));
  return looked.filter((one) => !clean.has(one)).map((one) => `${tableName(one)}.${one.column}`);
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
