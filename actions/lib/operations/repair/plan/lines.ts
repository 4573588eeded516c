import type { Client } from "pg";
import { quoteIdentifier, tableName } from "../../../postgres/identifier.ts";
import { type Difference, goodRows } from "../../compare/difference.ts";
import { textOf } from "../../compare/groups.ts";
import { type LeftRow, mostLeft } from "../apply/outcomes.ts";
import type { Change, Conflict, ListedTable } from "../change-list.ts";
import { copied } from "../copy-cells.ts";
import { chosenColumns, conflictCodes, decisions } from "./judge.ts";
import type { Selection } from "./selection.ts";
import type { Tally } from "./tally.ts";

/**
 * What the header says of a table: the columns that both sides have, or where rows go all of the live table's, so that an undo
 * brings them back as they were.
 */
export function listedTable({ table, match, key }: Difference, { deletes }: Pick<Tally, "deletes">): ListedTable {
  const columns = deletes > 0 ? table.columns.map(({ name }) => name) : [...match.both];
  return { schema: table.schema, name: table.name, columns, key: key && [...key] };
}

/** Some of the rows that somebody has to look at, for the eyes of who holds the key. */
export async function someConflicts(client: Client, { table, match, key, from }: Difference): Promise<LeftRow[]> {
  const columns = key ?? match.both.slice(0, 5);
  const values = columns.map(
    (column) => `case when p.good is null then ${textOf("l", column)} else ${textOf("g", column)} end`,
  );
  const { rows } = await client.query<{ code: string; values: (string | null)[] }>(
    `select p.code, array[${values.join(", ")}]::text[] as values
       from ${decisions} p left join ${goodRows} g on g.ctid = p.good
       left join ${from} l on l.ctid = p.live and l.tableoid = p.place
      where p.op is null and p.code in (${conflictList}) limit ${mostLeft}`,
  );
  return rows.map(({ code, values: some }) => ({
    ...{ table: tableName(table), code },
    key: columns.map((column, at) => ({ column, value: some[at] ?? null })),
  }));
}

const conflictList = conflictCodes.map((code) => `'${code}'`).join(", ");

/** The decided changes and conflicts, in the form of a change list, as the server sends them. Constant memory but for a row. */
export async function* decidedLines(
  client: Client,
  { difference, selection }: { readonly difference: Difference; readonly selection: Selection },
  t: number,
  listed: ListedTable,
): AsyncGenerator<Change | Conflict, void, undefined> {
  const { key, match, from } = difference;
  const { columns: all } = listed;
  const live = `join ${from} l on l.ctid = p.live and l.tableoid = p.place`;
  const good = `join ${goodRows} g on g.ctid = p.good`;
  const decided = (cells: readonly string[], rows: string) =>
    copied(client, `select ${["p.code", "p.cells", ...cells].join(", ")} from ${decisions} p ${rows}`);
  const of = (alias: string, columns: readonly string[]) =>
    columns.map((column) => `${alias}.${quoteIdentifier(column)}`);

  for await (const [, , ...before] of decided(of("l", all), `${live} where p.op = 'delete'`))
    yield { t, op: "delete", before };
  // Where rows come, the list has no other columns than the good rows have.
  if (all.every((column) => match.both.includes(column))) {
    for await (const [, , ...after] of decided(of("g", all), `${good} where p.op = 'insert'`))
      yield { t, op: "insert", after };
  }

  const chosen = chosenColumns(difference, selection);
  const places = chosen.map((column) => all.indexOf(column));
  const changed = (alias: string) =>
    of(alias, chosen).map((cell, at) => `case when substr(p.cells, ${at + 1}, 1) = '1' then ${cell} end`);
  const cells = [...of("l", key ?? []), ...changed("l"), ...changed("g")];
  for await (const [, letters, ...values] of decided(cells, `${live} ${good} where p.op = 'update'`)) {
    const keys = values.splice(0, key?.length ?? 0);
    const pick = (from: number) => values.slice(from, from + chosen.length).filter((_, at) => letters?.[at] === "1");
    const columns = places.filter((_, at) => letters?.[at] === "1");
    yield { t, op: "update", key: keys, columns, before: pick(0), after: pick(chosen.length) };
  }

  const names = key ?? all;
  const either = names.map((column) => {
    const one = quoteIdentifier(column);
    return match.both.includes(column) ? `case when p.good is null then l.${one} else g.${one} end` : `l.${one}`;
  });
  const some = `left ${good} left ${live} where p.op is null and p.code in (${conflictList})`;
  for await (const [code, , ...named] of decided(either, some)) yield { t, conflict: code ?? "", key: named };
}
