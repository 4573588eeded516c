import type { Client } from "pg";
import type { Cell, Change, ListedTable } from "../change-list.ts";
import { copied } from "../copy-cells.ts";
import { liveByKey } from "./judge.ts";
import { type LiveTable, liveCell } from "./live-table.ts";
import { staged } from "./staged.ts";

/** The tables of an undo, in its order: each with all of its columns, so that rows come back whole. */
export function undoTables(tables: readonly LiveTable[]): ListedTable[] {
  return tables
    .map(({ listed, columns }) => ({
      ...{ schema: listed.schema, name: listed.name, key: listed.key },
      columns: columns.map(({ name }) => name),
    }))
    .toReversed();
}

/**
 * What takes back exactly what is written, in the reverse order. Read inside the transaction, when all is written: rows that came are
 * taken as they are now, with what the server has put into columns that the list does not have.
 */
export async function* undoChanges(
  client: Client,
  tables: readonly LiveTable[],
): AsyncGenerator<Change, void, undefined> {
  for (const [t, table] of tables.toReversed().entries()) {
    for await (const cells of copied(client, undoQuery(table))) yield undoOf(t, table, cells);
  }
}

/** For each change: what it was, which columns it changed, the row as it is now and as it was, in the live columns' order. */
function undoQuery(table: LiveTable): string {
  const { t, columns, listed, key } = table;
  const place = (name: string): number => listed.columns.indexOf(name);
  const of = (alias: string, name: string): string => (place(name) < 0 ? "null" : staged.cell(alias, place(name)));
  const changed = columns.map(({ name }) => (place(name) < 0 ? "f" : `coalesce(w.changed[${place(name) + 1}], true)`));
  const now = columns.map((column) => {
    if (key === null) return of("a", column.name);
    return `case w.op when 'insert' then ${liveCell("r", column)} when 'update' then ${of("a", column.name)} end`;
  });
  const was = columns.map(({ name }) => of("b", name));
  const rows =
    key === null
      ? ""
      : `left join (select w.n as own, t.* from ${liveByKey(table, "after", "w.op = 'insert'")}) r on r.own = w.n`;
  const flags = changed.map((one) => (one === "f" ? "false" : one)).join(", ");
  return `select w.op, array[${flags}]::bool[]::text, ${[...now, ...was].join(", ")}
      from ${staged.change(t)} w left join ${staged.before(t)} b using (n) left join ${staged.after(t)} a using (n) ${rows}
     where w.state = 'ready' order by w.n desc`;
}

function undoOf(t: number, { columns, listed }: LiveTable, [op, flags, ...cells]: readonly Cell[]): Change {
  const now = cells.slice(0, columns.length);
  const was = cells.slice(columns.length);
  if (op === "insert") return { t, op: "delete", before: now };
  if (op === "delete") return { t, op: "insert", after: was };
  const changed = (flags ?? "").slice(1, -1).split(",");
  const places = columns.flatMap((_, at) => (changed[at] === "t" ? [at] : []));
  const pick = (row: readonly Cell[]): Cell[] => places.map((at) => row[at] ?? null);
  const names = columns.map(({ name }) => name);
  const key = (listed.key ?? []).map((name) => now[names.indexOf(name)] ?? null);
  return { t, op: "update", key, columns: places, before: pick(now), after: pick(was) };
}
