import type { Client } from "pg";
import { ConfigurationError, sqlState } from "../../../base/errors.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import { type ForeignKey, foreignKeys } from "../../../postgres/inventory/references.ts";
import { liveByKey } from "./judge.ts";
import { type LiveTable, liveCell, rowHash } from "./live-table.ts";
import { staged } from "./staged.ts";
import type { Refused } from "./write.ts";

/** A foreign key of which a table of the list is the one side or the other. */
export interface TouchedKey {
  readonly key: ForeignKey;
  readonly child: LiveTable | undefined;
  readonly parent: LiveTable | undefined;
  /** What stands behind FROM for each. */
  readonly childFrom: string;
  readonly parentFrom: string;
}

/** The foreign keys that a repair of these tables could break: triggers are off, nobody else checks them. */
export async function touchedKeys(client: Client, tables: readonly LiveTable[]): Promise<TouchedKey[]> {
  const byName = new Map(tables.map((table) => [table.name, table]));
  const keys = (await foreignKeys(client)).map((key) => ({
    key,
    child: byName.get(tableName({ schema: key.schema, name: key.table })),
    parent: byName.get(tableName({ schema: key.foreignSchema, name: key.foreignTable })),
  }));
  const touched = keys.filter(({ child, parent }) => child !== undefined || parent !== undefined);
  const names = touched.flatMap(({ key }) => [
    quoteQualified(key.schema, key.table),
    quoteQualified(key.foreignSchema, key.foreignTable),
  ]);
  const { rows } = await client.query<{ name: string; kind: string }>(
    `select n.name, c.relkind::text as kind from unnest($1::text[]) n(name) join pg_class c on c.oid = n.name::regclass`,
    [names],
  );
  const kinds = new Map(rows.map(({ name, kind }) => [name, kind]));
  // A foreign key looks for its row in the table itself, where that is no partitioned one.
  const from = (name: string): string => (kinds.get(name) === "p" ? name : `only ${name}`);
  return touched.map((one) => ({
    ...one,
    childFrom: from(quoteQualified(one.key.schema, one.key.table)),
    parentFrom: from(quoteQualified(one.key.foreignSchema, one.key.foreignTable)),
  }));
}

/** The rows `t` that were changed or came, beside their changes `w`, as they are now. */
export function writtenRows(table: LiveTable, which = "true"): string {
  const ready = `w.op <> 'delete' and w.state = 'ready' and (${which})`;
  if (table.key !== null) return liveByKey(table, "after", ready);
  const hash = rowHash(table.columns.map((column) => liveCell("t", column)));
  return `${staged.change(table.t)} w join ${staged.after(table.t)} s using (n)
    join ${table.from} t on ${hash} = ${listedHash(table, "s")} where ${ready}`;
}

/** The hash of a whole listed row, in the order of the live columns. */
export function listedHash({ columns, listed }: LiveTable, alias: string): string {
  return rowHash(columns.map(({ name }) => staged.cell(alias, listed.columns.indexOf(name))));
}

/** Whether an update changes any of these columns; what comes or goes, changes all. */
function changes({ listed }: LiveTable, columns: readonly string[]): string {
  const places = columns.map((column) => listed.columns.indexOf(column)).filter((place) => place >= 0);
  const changed = places.map((place) => `w.changed[${place + 1}]`);
  return `w.op <> 'update'${changed.map((one) => ` or ${one}`).join("")}`;
}

const matching = ({ key }: TouchedKey, parent: string, child: (at: number) => string): string =>
  key.foreignColumns
    .map((column, at) => `${parent}.${quoteIdentifier(column)} ${key.operators[at]} ${child(at)}`)
    .join(" and ");

const filled = (columns: readonly string[]): string =>
  columns.map((column) => `t.${quoteIdentifier(column)} is not null`).join(" and ");

/**
 * Locks the rows that written rows refer to, so that nobody takes them away before the end.
 * @throws ConfigurationError `target-denied`
 */
export async function lockParents(client: Client, keys: readonly TouchedKey[]): Promise<void> {
  for (const one of keys) {
    const { key, child, parentFrom } = one;
    if (child === undefined) continue;
    const order = key.foreignColumns.map((column) => `p.${quoteIdentifier(column)}`).join(", ");
    const referred = `select from ${writtenRows(child, changes(child, key.columns))}
       and ${matching(one, "p", (at) => `t.${quoteIdentifier(key.columns[at] ?? "")}`)}`;
    try {
      await client.query(
        `select count(*) from (select from ${parentFrom} p where exists (${referred}) order by ${order} for key share of p) l`,
      );
    } catch (error) {
      if (sqlState(error) !== "42501") throw error;
      throw new ConfigurationError(
        "target-denied",
        `The target's role may not lock the rows of ${tableName({ schema: key.foreignSchema, name: key.foreignTable })} that ${child.name} refers to.`,
        "Nothing was changed. Grant it SELECT and UPDATE on that table, or use a role that owns it, on Supabase: postgres.",
      );
    }
  }
}

/** Changes that leave a foreign key broken: `parent-gone`, `child-refers`. By the table's place in the list. */
export async function brokenKeys(client: Client, keys: readonly TouchedKey[]): Promise<Map<number, Refused[]>> {
  const broken = new Map<number, Refused[]>();
  const add = async (table: LiveTable, state: string, { key }: TouchedKey, sql: string): Promise<void> => {
    const { rows } = await client.query<{ n: string }>(sql);
    const refused = rows.map(({ n }) => ({ n, state, detail: key.identity }));
    if (rows.length > 0) broken.set(table.t, [...(broken.get(table.t) ?? []), ...refused]);
  };
  for (const one of keys) {
    const { key, child, parent } = one;
    if (child !== undefined) await add(child, "parent-gone", one, orphans(one, child));
    if (parent !== undefined) await add(parent, "child-refers", one, referredTo(one, parent));
    if (key.full && key.columns.length > 1 && child !== undefined)
      await add(child, "parent-gone", one, halfNull(one, child));
  }
  return broken;
}

function orphans(one: TouchedKey, child: LiveTable): string {
  const { columns } = one.key;
  return `select distinct w.n::text as n from ${writtenRows(child, changes(child, columns))} and ${filled(columns)}
    and not exists (select from ${one.parentFrom} p
                     where ${matching(one, "p", (at) => `t.${quoteIdentifier(columns[at] ?? "")}`)})`;
}

function halfNull({ key: { columns } }: TouchedKey, child: LiveTable): string {
  const any = columns.map((column) => `t.${quoteIdentifier(column)} is not null`).join(" or ");
  return `select distinct w.n::text as n from ${writtenRows(child, changes(child, columns))} and (${any}) and not (${filled(columns)})`;
}

/** Rows of the child that refer to a key that this list took away, and that nobody has now. */
function referredTo(one: TouchedKey, parent: LiveTable): string {
  const { key, childFrom, parentFrom } = one;
  const { t, listed, columns, from } = parent;
  const old = key.foreignColumns.map((name, at) => {
    const place = listed.columns.indexOf(name);
    const column = columns.find((live) => live.name === name);
    const was = staged.cell("b", place);
    // What an update does not change is as it was. Without a key there are no updates.
    const kept = parent.key === null || column === undefined ? was : liveCell("r", column);
    const of = place < 0 ? kept : `case when w.op = 'delete' or w.changed[${place + 1}] then ${was} else ${kept} end`;
    return `${of} ${key.operators[at]} c.${quoteIdentifier(key.columns[at] ?? "")}`;
  });
  const same = parent.key?.map(
    ({ column, place, operator }) => `${liveCell("r", column)} ${operator} ${staged.cell("b", place)}`,
  );
  const row = same === undefined ? "" : `left join ${from} r on ${same.join(" and ")}`;
  return `select distinct w.n::text as n from ${staged.change(t)} w join ${staged.before(t)} b using (n) ${row}
    where w.state = 'ready' and w.op <> 'insert' and (${changes(parent, key.foreignColumns)})
      and exists (select from ${childFrom} c where ${old.join(" and ")} and not exists (
            select from ${parentFrom} p where ${matching(one, "p", (at) => `c.${quoteIdentifier(key.columns[at] ?? "")}`)}))`;
}

/**
 * Changes that leave two rows where a constraint that may be put off allows one: the server checks such constraints by triggers, which
 * are off. Their tables are locked, so that nobody else writes meanwhile.
 */
export async function doubledRows(client: Client, table: LiveTable): Promise<Refused[]> {
  const refused: Refused[] = [];
  for (const { name, parts, operators, predicate, nulls } of table.deferrable) {
    const where = predicate === null ? "" : ` where ${predicate}`;
    const listed = parts.map((part, at) => `(${part}) as p${at}`).join(", ");
    // The parts are expressions over the table's columns: within this they mean no other.
    const rows = (alias: string): string =>
      `(select ctid as lifeboat_place, tableoid as lifeboat_part, ${listed} from ${table.from}${where}) ${alias}`;
    const clash = parts.map((_, at) => {
      const same = `mine.p${at} ${operators[at]} other.p${at}`;
      return nulls ? `(${same} or (mine.p${at} is null and other.p${at} is null))` : same;
    });
    const { rows: found } = await client.query<{ n: string }>(
      `select distinct z.n::text as n
         from (select w.n, t.ctid as place, t.tableoid as part from ${writtenRows(table)}) z
         join ${rows("mine")} on mine.lifeboat_place = z.place and mine.lifeboat_part = z.part
        where exists (select from ${rows("other")}
                       where (other.lifeboat_place, other.lifeboat_part) <> (z.place, z.part) and ${clash.join(" and ")})`,
    );
    const clashing = found.map(({ n }) => n);
    refused.push(...clashing.map((n) => ({ n, state: "unique", detail: name })));
  }
  return refused;
}
