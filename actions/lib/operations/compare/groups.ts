import type { Client } from "pg";
import { z } from "zod";
import { quoteIdentifier, tableName } from "../../postgres/identifier.ts";
import { type Difference, differingKeys, goodRows, liveRows } from "./difference.ts";

/** Changed and added rows that came by one transaction. */
export interface TransactionGroup {
  /** What the rows' `xmin` says; of several (savepoints) the lowest. */
  readonly transaction: string;
  /** Numbers that one transaction had: each savepoint has one of its own. Known where commit times are kept. */
  readonly numbers: number;
  /** When it was committed, where the server keeps that (`track_commit_timestamp`). */
  readonly at: string | null;
  readonly changed: number;
  readonly added: number;
  /** That differ in its rows. */
  readonly columns: readonly string[];
}

export interface Transactions {
  /** Those with the most rows, at most `mostGroups`. */
  readonly groups: readonly TransactionGroup[];
  readonly others: { readonly transactions: number; readonly rows: number };
}

/** Rows that are missing together with what they refer to. */
export interface MissingGroup {
  /** `public.courses`; null: nothing is missing that they refer to. */
  readonly parent: string | null;
  readonly constraint: string | null;
  /** The key takes rows along when it is deleted: ON DELETE CASCADE. */
  readonly cascades: boolean;
  readonly rows: number;
}

const mostGroups = 20;

/** Changed rows by the columns in which they differ, most first. Rows without a key are not changed, but come and go. */
export async function countByColumn(
  client: Client,
  { match, counts }: Difference,
): Promise<{ readonly column: string; readonly rows: number }[]> {
  if (counts.changed === 0) return [];
  const columns = match.both.map((_, place) => `count(*) filter (where differs[${place + 1}])::text as "${place}"`);
  const answer = await client.query(`select ${columns.join(", ")} from ${differingKeys} where kind = 'changed'`);
  const found = z.record(z.string(), z.string()).parse(answer.rows[0]);
  return match.both
    .map((column, place) => ({ column, rows: Number(found[place] ?? 0) }))
    .filter(({ rows }) => rows > 0)
    .sort((a, b) => b.rows - a.rows);
}

const groupSchema = z.object({
  transaction: z.string(),
  numbers: z.string(),
  at: z.string().nullable(),
  changed: z.string(),
  added: z.string(),
  columns: z.array(z.boolean().nullable()).nullable(),
  all: z.string(),
  rows: z.string(),
});

/**
 * Who wrote the changed and added rows last. Rows that were committed at the same microsecond are one transaction's: savepoints
 * have numbers of their own.
 * @param columns in which rows differ
 */
export async function groupByTransaction(
  client: Client,
  difference: Difference,
  columns: readonly string[],
): Promise<Transactions> {
  const { counts, hash, key, match } = difference;
  if (counts.changed + counts.added === 0) return { groups: [], others: { transactions: 0, rows: 0 } };
  const times = await client.query<{ kept: boolean }>("select current_setting('track_commit_timestamp')::bool as kept");
  const at = times.rows[0]?.kept === true ? "pg_xact_commit_timestamp(writer)::text" : "null::text";
  const written =
    key === null
      ? `select l.xmin as writer, 'added' as kind, null::bool[] as differs from ${liveRows} l
          where ${hash("l")} in (select hash from ${differingKeys} where kind = 'added')`
      : `select writer, kind, differs from ${differingKeys} where kind in ('changed', 'added')`;
  const any = columns.map((column) => `bool_or(differs[${match.both.indexOf(column) + 1}])`);
  const touched = `
    select writer::text as number, ${at} as at, (kind = 'changed')::int as changed, (kind = 'added')::int as added, differs
      from (${written}) written`;
  const answer = await client.query(
    `select min(number::int8)::text as transaction, count(distinct number)::text as numbers, min(at) as at,
            sum(changed)::text as changed, sum(added)::text as added, ${asArray(any)} as columns,
            count(*) over ()::text as all, sum(count(*)) over ()::text as rows
       from (${touched}) touched group by coalesce(at, number) order by count(*) desc, min(number::int8) limit ${mostGroups}`,
  );
  const found = z.array(groupSchema).parse(answer.rows);
  const groups = found.map((one) => ({
    ...{ transaction: one.transaction, numbers: Number(one.numbers), at: one.at },
    ...{ changed: Number(one.changed), added: Number(one.added) },
    columns: columns.filter((_, place) => one.columns?.[place] === true),
  }));
  const shown = groups.reduce((sum, one) => sum + one.changed + one.added, 0);
  const [first] = found;
  return {
    groups,
    others: { transactions: Number(first?.all ?? 0) - groups.length, rows: Number(first?.rows ?? 0) - shown },
  };
}

const asArray = (values: readonly string[]): string =>
  values.length === 0 ? "null::bool[]" : `array[${values.join(", ")}]`;

const parentSchema = z.object({
  constraint: z.string(),
  schema: z.string(),
  name: z.string(),
  cascades: z.boolean(),
  mayRead: z.boolean(),
  pairs: z.array(z.object({ column: z.string(), parent: z.string(), operator: z.string() })),
});

/** Missing rows by what they refer to and what is missing, too: whoever deleted that has taken them along. */
export async function groupMissing(client: Client, difference: Difference): Promise<MissingGroup[]> {
  const { counts, match, hash, table } = difference;
  if (counts.missing === 0) return [];
  const answer = await client.query(
    `select k.conname as constraint, n.nspname as schema, c.relname as name, k.confdeltype = 'c' as cascades,
            has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as "mayRead",
            (select json_agg(json_build_object('column', a.attname, 'parent', p.attname,
                      'operator', format('operator(%I.%s)', os.nspname, o.oprname)) order by u.place)
               from unnest(k.conkey, k.confkey, k.conpfeqop) with ordinality u (child, parent, equal, place)
               join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.child
               join pg_attribute p on p.attrelid = k.confrelid and p.attnum = u.parent
               join pg_operator o on o.oid = u.equal join pg_namespace os on os.oid = o.oprnamespace) as pairs
       from pg_constraint k join pg_class c on c.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
      where k.contype = 'f' and k.conrelid = $1 and k.conparentid = 0 order by k.confdeltype <> 'c', k.conname collate "C"`,
    [table.oid],
  );
  const parents = z
    .array(parentSchema)
    .parse(answer.rows)
    .filter(({ mayRead, pairs }) => mayRead && pairs.every(({ column }) => match.both.includes(column)));
  const gone = parents.map(({ schema, name, pairs }) => {
    const child = (column: string) => `g.${quoteIdentifier(column)}`;
    const equal = pairs.map(
      ({ column, parent, operator }) => `p.${quoteIdentifier(parent)} ${operator} ${child(column)}`,
    );
    const refers = pairs.map(({ column }) => `num_nulls(${child(column)}) = 0`).join(" and ");
    return `(${refers} and not exists (select from ${quoteIdentifier(schema)}.${quoteIdentifier(name)} p where ${equal.join(" and ")}))`;
  });
  const rows = await client.query(
    `select ${["true", ...gone].map((condition, place) => `count(*) filter (where ${condition})::text as "${place}"`).join(", ")},
            count(*) filter (where not (${["false", ...gone].join(" or ")}))::text as alone
       from ${goodRows} g where ${hash("g")} in (select hash from ${differingKeys} where kind = 'missing')`,
  );
  const found = z.record(z.string(), z.string()).parse(rows.rows[0]);
  const groups = parents.map((parent, place) => ({
    ...{ parent: tableName(parent), constraint: parent.constraint, cascades: parent.cascades },
    rows: Number(found[place + 1] ?? 0),
  }));
  const alone = { parent: null, constraint: null, cascades: false, rows: Number(found["alone"] ?? 0) };
  return [...groups, alone].filter((group) => group.rows > 0).sort((a, b) => b.rows - a.rows);
}

/** Rows of each kind, for the eyes of who holds the key. */
export interface Sample {
  readonly kind: "missing" | "changed" | "added";
  /** Of the key, or of the whole row where it has none. */
  readonly key: readonly { readonly column: string; readonly value: string | null }[];
  /** That differ, of a changed row. */
  readonly cells: readonly { readonly column: string; readonly good: string | null; readonly live: string | null }[];
}

const [mostRows, mostCells, mostLetters] = [5, 30, 200];

/** The text of a value's output function: a cast would change some. */
export function textOf(alias: string, column: string): string {
  const value = `${alias}.${quoteIdentifier(column)}`;
  return `case when num_nulls(${value}) = 0 then left(concat(${value}), ${mostLetters}) end`;
}

/** @param columns in which rows differ */
export async function sampleRows(
  client: Client,
  difference: Difference,
  columns: readonly string[],
): Promise<Sample[]> {
  const { hash, key, match } = difference;
  const keyColumns = (key ?? match.both).slice(0, mostCells);
  const cells = columns.slice(0, mostCells);
  const keyOf = (alias: string) => `array[${keyColumns.map((column) => textOf(alias, column)).join(", ")}]::text[]`;
  const valuesOf = (alias: string) => `array[${cells.map((column) => textOf(alias, column)).join(", ")}]::text[]`;
  const kind = (name: string, alias: string) =>
    `${hash(alias)} in (select hash from ${differingKeys} where kind = '${name}')`;
  const none = "null::text[] as good, null::text[] as live";
  const answer = await client.query(
    `(select 'missing' as kind, ${keyOf("g")} as key, ${none} from ${goodRows} g where ${kind("missing", "g")} limit ${mostRows})
     union all
     (select 'changed', ${keyOf("l")}, ${valuesOf("g")}, ${valuesOf("l")} from ${differingKeys} k join ${goodRows} g on g.ctid = k.good
        join ${liveRows} l on l.ctid = k.place and l.tableoid = k.relation where k.kind = 'changed' limit ${mostRows})
     union all
     (select 'added', ${keyOf("l")}, ${none} from ${liveRows} l where ${kind("added", "l")} limit ${mostRows})`,
  );
  const texts = z.array(z.string().nullable());
  const rows = z
    .array(
      z.object({
        kind: z.enum(["missing", "changed", "added"]),
        key: texts,
        good: texts.nullable(),
        live: texts.nullable(),
      }),
    )
    .parse(answer.rows);
  return rows.map((row) => ({
    kind: row.kind,
    key: keyColumns.map((column, place) => ({ column, value: row.key[place] ?? null })),
    cells: cells
      .map((column, place) => ({ column, good: row.good?.[place] ?? null, live: row.live?.[place] ?? null }))
      .filter(({ good, live }) => good !== live),
  }));
}
