import type { Client } from "pg";
import { quoteIdentifier, quoteLiteral, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { ForeignKey } from "../../../postgres/inventory/references.ts";
import { type Difference, damagedRows, differingKeys, goodRows } from "../../compare/difference.ts";
import type { Cell } from "../change-list.ts";
import { copied, copyRows } from "../copy-cells.ts";
import { chosenColumns, decisions, isAmong } from "./judge.ts";
import type { Selection } from "./selection.ts";

type Place = { readonly schema: string; readonly name: string };

/** A foreign key as one of its two tables sees it, with the temporary table for keys that come from the other one's session. */
export interface Reference {
  readonly key: ForeignKey;
  /** As `schema.table`. */
  readonly other: Place;
  /** Columns of the table itself. */
  readonly columns: readonly string[];
  readonly named: string;
}

export interface References {
  /** What its rows point at; `named`: rows of the parent that the repair brings back. */
  readonly parents: readonly Reference[];
  /** What points at its rows; `named`: rows of it that children miss. */
  readonly children: readonly Reference[];
  /** The same as parents; `named`: rows of the parent that come back, whose children went with them. */
  readonly cascades: readonly Reference[];
}

/** Makes the temporary tables, before the difference is prepared, which leaves a transaction that may make no more. */
export async function makeReferences(client: Client, table: Place, keys: readonly ForeignKey[]): Promise<References> {
  const own = tableName(table);
  const child = (key: ForeignKey): Place => ({ schema: key.schema, name: key.table });
  const parent = (key: ForeignKey): Place => ({ schema: key.foreignSchema, name: key.foreignTable });
  let made = 0;
  const make = async (
    key: ForeignKey,
    other: Place,
    columns: readonly string[],
    shape: readonly [Place, readonly string[]],
  ) => {
    const name = `lifeboat_named_${made++}`;
    const [of, named] = shape;
    const list = named.map((column, at) => `${quoteIdentifier(column)} as ${quoteIdentifier(columns[at] ?? column)}`);
    await client.query(
      `create temporary table if not exists ${name} as select ${list.join(", ")} from ${quoteQualified(of.schema, of.name)} limit 0`,
    );
    return { key, other, columns, named: `pg_temp.${name}` };
  };
  const [parents, children, cascades]: Reference[][] = [[], [], []];
  for (const key of keys) {
    if (tableName(child(key)) === own) {
      parents?.push(await make(key, parent(key), key.columns, [parent(key), key.foreignColumns]));
      cascades?.push(await make(key, parent(key), key.columns, [table, key.columns]));
    }
    if (tableName(parent(key)) === own)
      children?.push(await make(key, child(key), key.foreignColumns, [table, key.foreignColumns]));
  }
  return { parents: parents ?? [], children: children ?? [], cascades: cascades ?? [] };
}

/** Puts rows of COPY's fields in the place of what the temporary table holds. */
export async function nameRows(
  client: Client,
  { named }: Reference,
  rows: readonly (readonly Cell[])[],
): Promise<void> {
  await client.query(`delete from ${named}`);
  if (rows.length > 0) await copyRows(client, named, rows);
}

interface Decided {
  readonly difference: Difference;
  readonly selection: Selection;
}

const namesOf = (alias: string, columns: readonly string[]): string[] =>
  columns.map((column) => `${alias}.${quoteIdentifier(column)}`);

/** Decided rows that come or change, as `p`, with what their columns will hold. */
function coming({ difference, selection }: Decided, columns: readonly string[]) {
  const chosen = chosenColumns(difference, selection);
  const changes = columns.flatMap((column) => {
    const at = chosen.indexOf(column) + 1;
    return at === 0 ? [] : [`substr(p.cells, ${at}, 1) = '1'`];
  });
  const value = (column: string): string => {
    const at = chosen.indexOf(column) + 1;
    const ours = at === 0 ? "p.op = 'insert'" : `p.op = 'insert' or substr(p.cells, ${at}, 1) = '1'`;
    return `case when ${ours} then g.${quoteIdentifier(column)} else l.${quoteIdentifier(column)} end`;
  };
  const updates = changes.length === 0 ? "" : ` or p.op = 'update' and (${changes.join(" or ")})`;
  return {
    values: columns.map(value),
    from: `${decisions} p join ${goodRows} g on g.ctid = p.good
             left join ${difference.from} l on l.ctid = p.live and l.tableoid = p.place
            where (p.op = 'insert'${updates})`,
  };
}

/** Whether all its columns are compared: of others nobody knows what they will hold. */
const isKnown = ({ difference }: Decided, { columns }: Reference): boolean =>
  columns.every((column) => difference.match.both.includes(column));

/** The decided rows whose parent is neither there nor comes back, as a query of their own place and of the parent's key. */
function orphans(decided: Decided, { key, columns, named }: Reference): string {
  const { values, from } = coming(decided, columns);
  const wanted = values.map((_, at) => `o.v${at}`);
  const match = (alias: string, names: readonly string[]) =>
    namesOf(alias, names)
      .map((one, at) => `${one} ${key.operators[at]} ${wanted[at]}`)
      .join(" and ");
  return `select o.* from (select p.ctid as decision, ${values.map((one, at) => `${one} as v${at}`).join(", ")} from ${from}) o
           where ${wanted.map((one) => `${one} is not null`).join(" and ")}
             and not exists (select from ${quoteQualified(key.foreignSchema, key.foreignTable)} q where ${match("q", key.foreignColumns)})
             and not exists (select from ${named} b where ${match("b", columns)})`;
}

/** Keys of parents that decided rows need and nobody has. */
export async function missingParents(client: Client, decided: Decided, reference: Reference): Promise<Cell[][]> {
  if (!isKnown(decided, reference)) return [];
  const wanted = reference.columns.map((_, at) => `o.v${at}`).join(", ");
  return rowsOf(client, `select distinct ${wanted} from (${orphans(decided, reference)}) o`);
}

/** Takes back what was decided of rows without a parent. @returns how many */
export async function refuseOrphans(client: Client, decided: Decided, reference: Reference): Promise<number> {
  if (!isKnown(decided, reference)) return 0;
  const answer = await client.query(
    `update ${decisions} set op = null, code = 'parent-gone'
      where ctid in (select o.decision from (${orphans(decided, reference)}) o)`,
  );
  return answer.rowCount ?? 0;
}

/** Takes back the removal of rows that others still point at. @returns how many */
export async function refuseReferred(client: Client, { difference }: Decided, reference: Reference): Promise<number> {
  const { key } = reference;
  const match = (child: string, row: string) =>
    key.columns
      .map(
        (column, at) =>
          `${row}.${quoteIdentifier(key.foreignColumns[at] ?? "")} ${key.operators[at]} ${child}.${quoteIdentifier(column)}`,
      )
      .join(" and ");
  const self = tableName(reference.other) === tableName(difference.table);
  const stays = self
    ? ` and not exists (select from ${decisions} s where s.op = 'delete' and s.live = c.ctid and s.place = c.tableoid)`
    : "";
  const answer = await client.query(
    `update ${decisions} p set op = null, code = 'referred'
       from ${difference.from} l
      where p.op = 'delete' and l.ctid = p.live and l.tableoid = p.place
        and exists (select from ${quoteQualified(key.schema, key.table)} c where ${match("c", "l")}${stays})`,
  );
  return answer.rowCount ?? 0;
}

/** The keys, by which children point at them, of rows that come back, or also of those that get such a key. */
export async function rowsComing(
  client: Client,
  decided: Decided,
  columns: readonly string[],
  which: "inserts" | "all",
): Promise<Cell[][]> {
  if (columns.some((column) => !decided.difference.match.both.includes(column))) return [];
  const { values, from } = coming(decided, columns);
  const filled = values.map((one) => `(${one}) is not null`).join(" and ");
  const only = which === "inserts" ? " and p.op = 'insert'" : "";
  return rowsOf(client, `select distinct ${values.join(", ")} from ${from} and ${filled}${only}`);
}

async function rowsOf(client: Client, query: string): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  for await (const row of copied(client, query)) rows.push(row);
  return rows;
}

/**
 * Decides that good rows come back which are named and gone, unless somebody took them away after the damage.
 * @returns how many
 */
export async function bringBack(client: Client, { difference }: Decided, reference: Reference, isThreeWay: boolean) {
  const { hash, sameKey, from } = difference;
  const same = (alias: string) =>
    difference.key === null
      ? `${hash(alias)} = ${hash("g")}`
      : `${hash(alias)} = ${hash("g")} and ${sameKey(alias, "g")}`;
  const since = isThreeWay ? `and not exists (select from ${damagedRows} d where ${same("d")})` : "";
  const answer = await client.query(
    `insert into ${decisions} (good, op, cells)
     select g.ctid, 'insert', '' from ${goodRows} g
      where ${isAmong({ table: reference.named, columns: reference.columns }, "g")}
        and not exists (select from ${from} l where ${same("l")}) ${since}
        and not exists (select from ${decisions} p where p.good = g.ctid)`,
  );
  return answer.rowCount ?? 0;
}

/** The value of a default that is a plain literal. Others would have to be asked of the server, and may be anybody's function. */
function literalOf(expression: string): string | undefined {
  const [, quoted, number] = /^(?:'((?:[^'\\]|'')*)'(?:::[\w ."()[\]]+)?|(-?\d+(?:\.\d+)?))$/.exec(expression) ?? [];
  return quoted?.replaceAll("''", "'") ?? number;
}

/**
 * Decides that columns are filled again which a key's SET NULL or SET DEFAULT has reset, of rows that pointed at what comes back.
 * Rows that the good side does not have may have pointed at it too: they are named, as are rows whose default nobody can tell.
 * @returns how many are filled
 */
export async function fillAgain(
  client: Client,
  { difference, selection }: Decided,
  reference: Reference,
): Promise<number> {
  const chosen = chosenColumns(difference, selection);
  if (difference.key === null || !reference.columns.every((column) => chosen.includes(column))) return 0;
  const { hash, sameKey, from } = difference;
  const { key } = reference;
  const operatorOf = (column: string): string => key.operators[key.columns.indexOf(column)] ?? "";
  const isNamed = isAmong({ table: reference.named, columns: reference.columns }, "g");
  const named = `${isNamed} and not exists (select from ${decisions} p where p.good = g.ctid)`;
  const pairs = `${goodRows} g join ${from} l on ${hash("l")} = ${hash("g")} and ${sameKey("l", "g")}`;
  let filled = 0;
  for (const { columns } of key.resets) {
    const cells = chosen.map((one) => (columns.some(({ column }) => column === one) ? "1" : "0")).join("");
    const isOther = columns
      .map(({ column }) => {
        const name = quoteIdentifier(column);
        return `(l.${name} ${operatorOf(column)} g.${name}) is not true`;
      })
      .join(" or ");
    const reset = columns.map(({ column, expression }) => {
      const live = `l.${quoteIdentifier(column)}`;
      if (expression === null) return `${live} is null`;
      const literal = literalOf(expression);
      return literal === undefined ? undefined : `${live} ${operatorOf(column)} ${quoteLiteral(literal)}`;
    });
    if (reset.includes(undefined)) {
      await client.query(
        `insert into ${decisions} (good, place, live, code, cells, writer)
         select g.ctid, l.tableoid, l.ctid, 'default-unknown', '', l.xmin from ${pairs} where ${named} and (${isOther})`,
      );
      continue;
    }
    const isReset = reset.join(" and ");
    // Another key may have reset other columns of the row, which are decided.
    const places = [...cells].flatMap((cell, at) => (cell === "1" ? [at + 1] : []));
    const both = places.reduce((text, at) => `overlay(${text} placing '1' from ${at})`, "p.cells");
    const more = await client.query(
      `update ${decisions} p set cells = ${both} from ${pairs}
        where p.op = 'update' and p.good = g.ctid and p.live = l.ctid and p.place = l.tableoid and ${isNamed} and ${isReset} and (${isOther})
          and ${places.map((at) => `substr(p.cells, ${at}, 1) = '0'`).join(" and ")}`,
    );
    const answer = await client.query(
      `insert into ${decisions} (good, place, live, op, cells, writer)
       select g.ctid, l.tableoid, l.ctid, 'update', '${cells}', l.xmin from ${pairs} where ${named} and ${isReset} and (${isOther})`,
    );
    await client.query(
      `insert into ${decisions} (place, live, code, cells, writer)
       select l.tableoid, l.ctid, 'no-good-row', '', l.xmin
         from ${from} l join ${differingKeys} k on k.hash = ${hash("l")}
        where ${isReset} and not exists (select from ${goodRows} g where ${hash("g")} = ${hash("l")} and ${sameKey("g", "l")})
          and not exists (select from ${decisions} p where p.live = l.ctid and p.place = l.tableoid)`,
    );
    filled += (more.rowCount ?? 0) + (answer.rowCount ?? 0);
  }
  return filled;
}
