import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../../base/errors.ts";
import { few } from "../../../base/measures.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import { equalRows, hashOfRow } from "../../../postgres/rows/fingerprint.ts";
import type { ListedTable } from "../change-list.ts";

const columnSchema = z.strictObject({
  name: z.string(),
  number: z.number(),
  /** Without its modifier, and of a domain what lies under it: its checks are for the table to make. */
  type: z.string(),
  /** With its modifier. */
  typed: z.string(),
  domain: z.boolean(),
  /** `a`: GENERATED ALWAYS AS IDENTITY, which UPDATE may not set. */
  identity: z.string(),
});
export type LiveColumn = z.infer<typeof columnSchema>;

const keySchema = z.strictObject({
  columns: z.array(z.string()),
  /** Equality of each column, e.g. `operator(pg_catalog.=)`. */
  operators: z.array(z.string()),
});

/** What a unique or an exclusion constraint that may be put off forbids: another row for which all of it holds. */
const deferrableSchema = z.strictObject({
  name: z.string(),
  /** Expressions over a row of the table. */
  parts: z.array(z.string()),
  operators: z.array(z.string()),
  predicate: z.string().nullable(),
  /** NULL counts as equal to NULL. */
  nulls: z.boolean(),
});

const tableSchema = z.strictObject({
  oid: z.string(),
  kind: z.string(),
  partitionOf: z.string().nullable(),
  temporary: z.boolean(),
  /** Stored, not generated, in attribute order. */
  columns: z.array(columnSchema),
  uniqueKeys: z.array(keySchema),
  deferrable: z.array(deferrableSchema),
  /** Triggers and rules that fire in spite of `session_replication_role = replica`, of the partitions too. */
  always: z.array(z.string()),
  /** Those that do not fire during a repair. */
  quiet: z.array(z.string()),
  rowSecurity: z.boolean(),
  may: z.strictObject({ select: z.boolean(), insert: z.boolean(), update: z.boolean(), delete: z.boolean() }),
});
type TableFacts = z.infer<typeof tableSchema>;

/** A table of a change list, as it is in the target. */
export interface LiveTable extends TableFacts {
  readonly listed: ListedTable;
  /** Its place in the list. */
  readonly t: number;
  readonly name: string;
  readonly quoted: string;
  /** What stands behind FROM, UPDATE and DELETE FROM. */
  readonly from: string;
  /** Of the listed columns, in their order. */
  readonly listedColumns: readonly LiveColumn[];
  /** Null: rows are told apart by all that is in them. */
  readonly key: readonly { readonly column: LiveColumn; readonly place: number; readonly operator: string }[] | null;
}

const operatorsOf = (index: string): string => `
  (select json_agg(format('operator(%I.%s)', opn.nspname, o.oprname) order by u.place)
     from unnest(${index}.indclass::oid[]) with ordinality u(class, place)
     join pg_opclass oc on oc.oid = u.class
     join pg_amop am on am.amopfamily = oc.opcfamily and am.amoplefttype = oc.opcintype and am.amoprighttype = oc.opcintype
      and am.amopstrategy = 3 and am.amoppurpose = 's'
     join pg_operator o on o.oid = am.amopopr join pg_namespace opn on opn.oid = o.oprnamespace
    where u.place <= ${index}.indnkeyatts)`;

/** Reads facts about the tables of a list. `$1` schema, `$2` name. */
const factsQuery = `
  select c.oid::text as oid, c.relkind::text as kind, c.relpersistence = 't' as temporary,
         (select format('%s.%s', rn.nspname, r.relname) from pg_class r join pg_namespace rn on rn.oid = r.relnamespace
           where r.oid = pg_partition_root(c.oid) and c.relispartition) as "partitionOf",
         (select coalesce(json_agg(json_build_object('name', a.attname, 'number', a.attnum, 'identity', a.attidentity,
                    'domain', y.typtype = 'd', 'type', format_type(b.type, -1),
                    'typed', format_type(b.type, coalesce(nullif(a.atttypmod, -1), b.modifier, -1))) order by a.attnum), '[]')
            from pg_attribute a join pg_type y on y.oid = a.atttypid
           cross join lateral (
             with recursive under(type, modifier) as (
               select y.oid, null::int4
                union all
               select d.typbasetype, coalesce(u.modifier, nullif(d.typtypmod, -1))
                 from under u join pg_type d on d.oid = u.type where d.typtype = 'd')
             select u.type, u.modifier from under u join pg_type d on d.oid = u.type where d.typtype <> 'd') b
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
         (select coalesce(json_agg(json_build_object(
                    'columns', (select json_agg(a.attname order by u.place) from unnest(i.indkey::int2[]) with ordinality u(num, place)
                                  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.num where u.place <= i.indnkeyatts),
                    'operators', ${operatorsOf("i")}) order by i.indexrelid), '[]')
            from pg_index i
           where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
             and i.indexprs is null) as "uniqueKeys",
         (select coalesce(json_agg(json_build_object('name', k.conname, 'nulls', i.indnullsnotdistinct,
                    'predicate', pg_get_expr(i.indpred, i.indrelid),
                    'parts', (select json_agg(pg_get_indexdef(i.indexrelid, p, false) order by p) from generate_series(1, i.indnkeyatts) p),
                    'operators', case k.contype when 'x' then
                      (select json_agg(format('operator(%I.%s)', opn.nspname, o.oprname) order by u.place)
                         from unnest(k.conexclop) with ordinality u(op, place)
                         join pg_operator o on o.oid = u.op join pg_namespace opn on opn.oid = o.oprnamespace)
                      else ${operatorsOf("i")} end) order by k.conname), '[]')
            from pg_constraint k join pg_index i on i.indexrelid = k.conindid
           where k.conrelid = c.oid and k.contype in ('u', 'p', 'x') and k.condeferrable) as deferrable,
         (select coalesce(json_agg(distinct what order by what), '[]') from (${firing("in ('A', 'R')")}) f) as always,
         (select coalesce(json_agg(distinct what order by what), '[]') from (${firing("= 'O'")}) f) as quiet,
         row_security_active(c.oid) as "rowSecurity",
         json_build_object(
           'select', has_table_privilege(c.oid, 'select'), 'insert', has_table_privilege(c.oid, 'insert'),
           'update', has_table_privilege(c.oid, 'update'), 'delete', has_table_privilege(c.oid, 'delete')) as may
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname = $1 and c.relname = $2 and has_schema_privilege(n.oid, 'usage')`;

/** Triggers and rules of people's own on the table and its partitions. */
function firing(enabled: string): string {
  const family = "(select relid from pg_partition_tree(c.oid) union all select c.oid where c.relkind <> 'p')";
  return `
    select format('trigger %s', g.tgname) as what from pg_trigger g
     where g.tgrelid in ${family} and not g.tgisinternal and g.tgenabled ${enabled}
     union
    select format('rule %s', w.rulename) from pg_rewrite w
     where w.ev_class in ${family} and w.ev_type <> '1' and w.ev_enabled ${enabled}`;
}

/** What a repair does to a table. */
export interface Uses {
  readonly inserts: boolean;
  readonly updates: boolean;
  readonly deletes: boolean;
}

/**
 * Reads what the tables of a list are in the target.
 * @throws ConfigurationError `table-missing`, `table-altered`, `table-is-partition`, `table-unfit`: nothing was written
 */
export async function readLiveTables(client: Client, tables: readonly ListedTable[]): Promise<LiveTable[]> {
  const found: LiveTable[] = [];
  for (const [t, listed] of tables.entries()) {
    const { rows } = await client.query(factsQuery, [listed.schema, listed.name]);
    found.push(understood(listed, t, tableSchema.optional().parse(rows[0])));
  }
  return found;
}

function understood(listed: ListedTable, t: number, facts: TableFacts | undefined): LiveTable {
  const name = tableName(listed);
  const refuse = (code: string, message: string, next = "Compare again, and make the plan again."): never => {
    throw new ConfigurationError(code, message, `Nothing was changed. ${next}`);
  };
  if (facts === undefined)
    return refuse("table-missing", `The target has no table ${name}, or its role may not see it.`);
  if (facts.partitionOf !== null)
    return refuse(
      "table-is-partition",
      `${name} is a partition of ${facts.partitionOf}: rows are put back through the table that people use.`,
      `Name ${facts.partitionOf}.`,
    );
  if (!["r", "p"].includes(facts.kind) || facts.temporary)
    return refuse("table-unfit", `${name} of the target is no ordinary table.`);
  const byName = new Map(facts.columns.map((column) => [column.name, column]));
  const gone = listed.columns.filter((column) => !byName.has(column));
  if (gone.length > 0)
    return refuse("table-altered", `${name} has been altered since the plan was made: it lacks ${few(gone)}.`);
  const quoted = quoteQualified(listed.schema, listed.name);
  return {
    ...{ ...facts, listed, t, name, quoted },
    from: facts.kind === "p" ? quoted : `only ${quoted}`,
    listedColumns: listed.columns.flatMap((column) => byName.get(column) ?? []),
    key: listed.key === null ? null : keyOf(facts, listed, listed.key, refuse),
  };
}

function keyOf(
  { uniqueKeys, columns }: TableFacts,
  listed: ListedTable,
  key: readonly string[],
  refuse: (code: string, message: string) => never,
): LiveTable["key"] {
  const name = tableName(listed);
  const unique = uniqueKeys.find(
    (one) => one.columns.length === key.length && key.every((column) => one.columns.includes(column)),
  );
  if (unique === undefined)
    return refuse("table-altered", `Nothing in ${name} keeps (${key.join(", ")}) unique any more.`);
  return key.map((column) => {
    const place = listed.columns.indexOf(column);
    const live = columns.find((one) => one.name === column);
    if (place < 0 || live === undefined)
      return refuse("table-altered", `The plan does not have the key column ${column} of ${name}.`);
    return { column: live, place, operator: unique.operators[unique.columns.indexOf(column)] ?? "" };
  });
}

/** All of a row: by what tables without a key are told, and what comes back whole. */
export const isWhole = ({ columns, listed }: LiveTable): boolean =>
  columns.every(({ name }) => listed.columns.includes(name));

/**
 * Refuses a table that cannot be written as the list wants.
 * @param mayFire names of triggers and rules that the policy lets fire though nothing keeps them off
 * @throws ConfigurationError `table-altered`, `trigger-always`, `row-security`, `target-denied`: nothing was written
 */
export function assertWritable(table: LiveTable, uses: Uses, mayFire: ReadonlySet<string>): void {
  const { name, listed, may } = table;
  if ((uses.deletes || (uses.inserts && table.key === null)) && !isWhole(table)) {
    const came = table.columns.filter((column) => !listed.columns.includes(column.name)).map((column) => column.name);
    throw new ConfigurationError(
      "table-altered",
      `${name} has columns that the plan does not know (${few(came)}): rows that go could not come back whole.`,
      "Nothing was changed. Make the plan again.",
    );
  }
  const always = table.always.filter((one) => !mayFire.has(`${name} ${one}`));
  if (always.length > 0)
    throw new ConfigurationError(
      "trigger-always",
      `${name} has what fires in every session, a repair's too: ${few(always)} (ENABLE ALWAYS or ENABLE REPLICA).`,
      "Nothing was changed. Switch it off for the time of the repair (ALTER TABLE … DISABLE TRIGGER …), or name it in the policy's repair.mayFire.",
    );
  if (table.rowSecurity)
    throw new ConfigurationError(
      "row-security",
      `Row security hides rows of ${name} from the target's role.`,
      "Nothing was changed. Use the table's owner or a role with BYPASSRLS, on Supabase: postgres.",
    );
  const needed = [
    ["select", true],
    ["update", uses.updates || uses.deletes],
    ["insert", uses.inserts],
    ["delete", uses.deletes],
  ] as const;
  const missing = needed.filter(([right, needs]) => needs && !may[right]).map(([right]) => right.toUpperCase());
  if (missing.length > 0)
    throw new ConfigurationError(
      "target-denied",
      `The target's role may not ${missing.join(", ")} on ${name}.`,
      "Nothing was changed. Use a role that owns the table, on Supabase: postgres, or grant it these rights.",
    );
}

/** A cell of a live row in the type of the temporary tables. @param alias of the row */
export function liveCell(alias: string, { name, type, domain }: LiveColumn): string {
  const cell = `${alias}.${quoteIdentifier(name)}`;
  return domain ? `(${cell})::${type}` : cell;
}

/** The hash of a live row, or of a listed row, as fingerprints and comparisons make it. */
export function rowHash(cells: readonly string[]): string {
  return hashOfRow(`row(${cells.join(", ")})`);
}

/** Whether two cells are equal. */
export function sameCell(one: string, other: string): string {
  return equalRows(`row(${one})`, `row(${other})`);
}
