import type { Client } from "pg";
import { z } from "zod";
import { tableName } from "../../postgres/identifier.ts";

/** A lock on a table that was there before, held from this statement to the end of its file. */
export interface ObservedLock {
  readonly file: string;
  readonly statement: number;
  readonly what: string;
  readonly table: string;
  /** As pg_locks has it, e.g. `AccessExclusiveLock`. */
  readonly mode: string;
  /** The table is written anew: the lock is held as long as that takes. */
  readonly rewrites: boolean;
  /** As the manual says of the statement, which ran in another form here. */
  readonly documented: boolean;
}

/** Something that held data and is not as it was. */
export interface Loss {
  /** `the table public.exams`, `the column public.exams.score`. */
  readonly what: string;
  readonly how: string;
}

const userRelations = `c.relkind in ('r', 'p', 'm', 'f') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'`;
const columnsQuery = `
  select c.oid::text as oid, n.nspname::text as schema, c.relname::text as name, pg_catalog.pg_relation_filenode(c.oid)::text as file,
         a.attnum::int as place, a.attname::text as column, pg_catalog.format_type(a.atttypid, a.atttypmod) as type
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where ${userRelations}`;
const columnSchema = z.object({
  ...{ oid: z.string(), schema: z.string(), name: z.string(), file: z.string().nullable() },
  ...{ place: z.number().nullable(), column: z.string().nullable(), type: z.string() },
});

/** The tables of a database and their columns, by what stays when they are renamed. */
export interface Shape {
  readonly tables: ReadonlyMap<string, { readonly name: string; readonly file: string | null }>;
  readonly columns: ReadonlyMap<string, { readonly table: string; readonly name: string; readonly type: string }>;
}

export async function readShape(client: Client): Promise<Shape> {
  const tables = new Map<string, { name: string; file: string | null }>();
  const columns = new Map<string, { table: string; name: string; type: string }>();
  const rows = columnSchema.array().parse((await client.query(columnsQuery)).rows);
  for (const { oid, schema, name, file, place, column, type } of rows) {
    tables.set(oid, { name: tableName({ schema, name }), file });
    if (place !== null && column !== null) columns.set(`${oid}.${place}`, { table: oid, name: column, type });
  }
  return { tables, columns };
}

/** What was there and is gone, or holds less than it did. Pure. @param first what no rows were in before does not count */
export function lossesBetween(first: Shape, before: Shape, after: Shape): Loss[] {
  const gone = [...before.tables].filter(([oid]) => first.tables.has(oid) && !after.tables.has(oid));
  const columns = [...before.columns].flatMap(([key, { table, name, type }]): Loss[] => {
    if (!first.columns.has(key) || !after.tables.has(table)) return [];
    const what = `the column ${before.tables.get(table)?.name}.${name}`;
    const now = after.columns.get(key)?.type;
    if (now === undefined) return [{ what, how: "is dropped" }];
    return now === type || isWider(type, now) ? [] : [{ what, how: `becomes ${now}, and was ${type}` }];
  });
  return [...gone.map(([, { name }]) => ({ what: `the table ${name}`, how: "is dropped" })), ...columns];
}

const sizes: readonly (readonly string[])[] = [
  ["smallint", "integer", "bigint", "numeric"],
  ["real", "double precision"],
];

/** Whether every value of a type is one of the other, told alike. */
function isWider(from: string, to: string): boolean {
  const length = (type: string): number => {
    const [, most] = /^character varying(?:\((\d+)\))?$/.exec(type) ?? [];
    return type === "text" || type === "character varying" ? Number.POSITIVE_INFINITY : Number(most ?? Number.NaN);
  };
  if (length(to) >= length(from)) return true;
  return sizes.some((list) => list.includes(from) && list.indexOf(to) >= list.indexOf(from));
}

const locksQuery = `
  select l.relation::text as oid, l.mode from pg_catalog.pg_locks l
   where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.granted
     and l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')`;

/** The locks that this session's transaction holds on tables, beside those of reading and writing rows: `oid mode`. */
export async function readLocks(client: Client): Promise<Set<string>> {
  const rows = z.array(z.object({ oid: z.string(), mode: z.string() })).parse((await client.query(locksQuery)).rows);
  return new Set(rows.map(({ oid, mode }) => `${oid} ${mode}`));
}

/** What other sessions feel of a lock (PostgreSQL's manual, "Explicit Locking"). */
export function feltAs(mode: string): string {
  switch (mode) {
    case "AccessExclusiveLock":
      return "nobody reads or writes it";
    case "ExclusiveLock":
    case "ShareRowExclusiveLock":
    case "ShareLock":
      return "nobody writes it";
    default:
      return "reading and writing go on; no other change of the table";
  }
}
