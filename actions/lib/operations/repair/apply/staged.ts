import type { Client } from "pg";
import { sqlState } from "../../../base/errors.ts";
import { quoteLiteral } from "../../../postgres/identifier.ts";
import type { Cell, Change, ListHeader } from "../change-list.ts";
import { copyRows } from "../copy-cells.ts";
import type { ListReader, ListSummary } from "../list-text.ts";
import type { LiveTable } from "./live-table.ts";
import { isOfRow } from "./refusal.ts";

/**
 * The list in temporary tables of the session that applies it, cells under the types of the live table: what comes of it is
 * SQL there. For the table at place `t`: `lifeboat_change_<t>`, `lifeboat_before_<t>`, `lifeboat_after_<t>`.
 */
export const staged = {
  change: (t: number): string => `pg_temp.lifeboat_change_${t}`,
  before: (t: number): string => `pg_temp.lifeboat_before_${t}`,
  after: (t: number): string => `pg_temp.lifeboat_after_${t}`,
  /** A listed cell. @param place among the listed columns */
  cell: (alias: string, place: number): string => `${alias}.c${place}`,
};

/**
 * `unfit`: the SQLSTATE by which the server refuses the change's values, whatever the table holds.
 * `state` of a change: `ready` to be written, `already` (it is as it shall be), or why it is not written. `place`, `part` and
 * `hash` are those of the live row that it is about.
 */
export async function makeStaged(client: Client, tables: readonly LiveTable[]): Promise<void> {
  const statements = tables.flatMap(({ t, listedColumns }) => {
    const cells = listedColumns.map(({ typed }, place) => `, c${place} ${typed}`).join("");
    return [
      `drop table if exists ${staged.change(t)}, ${staged.before(t)}, ${staged.after(t)}`,
      `create temporary table lifeboat_change_${t} (n int8 primary key, op text not null, changed bool[], state text, detail text, unfit text,
         place tid, part oid, hash int8)`,
      `create temporary table lifeboat_before_${t} (n int8 primary key${cells})`,
      `create temporary table lifeboat_after_${t} (n int8 primary key${cells})`,
    ];
  });
  await client.query(statements.join(";\n"));
}

/** Rows that go together: so many, or as many bytes. */
const batch = { changes: 2000, characters: 4 * 1024 * 1024 } as const;

interface Numbered {
  readonly n: number;
  readonly change: Change;
}

/**
 * Loads a list. Changes whose values the live types do not take are there with the state `value`.
 * @throws OperationError `list-malformed`; what the server throws
 */
export async function loadStaged(
  client: Client,
  tables: readonly LiveTable[],
  reader: ListReader,
): Promise<ListSummary> {
  const lines = reader.lines();
  let rows: Numbered[] = [];
  let [n, characters] = [0, 0];
  const flush = async (): Promise<void> => {
    const taken = rows;
    rows = [];
    characters = 0;
    for (const table of tables) {
      const own = taken.filter(({ change }) => change.t === table.t);
      if (own.length > 0) await loadRows(client, table, own);
    }
  };
  for (;;) {
    const { value, done } = await lines.next();
    if (done) {
      await flush();
      await analyze(client, tables);
      return value;
    }
    if ("conflict" in value) continue;
    n++;
    rows.push({ n, change: value });
    characters += lengthOf(value);
    if (rows.length >= batch.changes || characters >= batch.characters) await flush();
  }
}

function lengthOf(change: Change): number {
  const cells = [change.op === "insert" ? [] : change.before, change.op === "delete" ? [] : change.after];
  return cells.flat().reduce((sum, cell) => sum + (cell?.length ?? 4), 0);
}

async function analyze(client: Client, tables: readonly LiveTable[]): Promise<void> {
  const names = tables.flatMap(({ t }) => [staged.change(t), staged.before(t), staged.after(t)]);
  await client.query(`analyze ${names.join(", ")}`);
}

async function loadRows(client: Client, table: LiveTable, rows: readonly Numbered[]): Promise<void> {
  const width = table.listedColumns.length;
  const changes = rows.map(({ n, change }) => [
    ...[String(n), change.op],
    change.op === "update" ? changedCells(change.columns, width) : null,
  ]);
  await copyRows(client, `${staged.change(table.t)} (n, op, changed)`, changes);
  for (const side of ["before", "after"] as const) {
    const own = rows.flatMap((row) => sideOf(table, row, side) ?? []);
    await copyCareful(client, table, staged[side](table.t), own);
  }
}

const changedCells = (columns: readonly number[], width: number): string =>
  `{${Array.from({ length: width }, (_, place) => (columns.includes(place) ? "t" : "f")).join(",")}}`;

/** A row of one side. An update has its key on both, so that each finds the live row alone. */
function sideOf(
  table: LiveTable,
  { n, change }: Numbered,
  side: "before" | "after",
): { n: number; cells: Cell[] } | undefined {
  if (change.op !== "update") {
    const row = side === "before" ? change.op === "delete" && change.before : change.op === "insert" && change.after;
    return row === false ? undefined : { n, cells: [String(n), ...row] };
  }
  const cells: Cell[] = table.listedColumns.map(() => null);
  for (const [at, { place }] of (table.key ?? []).entries())
    cells[place] = change.key[table.listed.key?.indexOf(table.listed.columns[place] ?? "") ?? at] ?? null;
  for (const [at, place] of change.columns.entries()) cells[place] = change[side][at] ?? null;
  return { n, cells: [String(n), ...cells] };
}

/** Row for row where some do not go in: of those the change is told, and the others are loaded. */
async function copyCareful(
  client: Client,
  { t }: LiveTable,
  into: string,
  rows: readonly { readonly n: number; readonly cells: readonly Cell[] }[],
): Promise<void> {
  for (let left = rows; left.length > 0; ) {
    const refused = await copyUntilRefused(client, into, left);
    if (refused === undefined) return;
    const { at, state } = refused;
    const good = left.slice(0, at);
    if (good.length > 0)
      await copyRows(
        client,
        into,
        good.map(({ cells }) => cells),
      );
    await client.query(`update ${staged.change(t)} set unfit = $2 where n = $1`, [left[at]?.n, state]);
    left = left.slice(at + 1);
  }
}

/** @returns which row the server refused, and by which SQLSTATE; nothing of them is there then */
async function copyUntilRefused(
  client: Client,
  into: string,
  rows: readonly { readonly cells: readonly Cell[] }[],
): Promise<{ at: number; state: string } | undefined> {
  await client.query("savepoint lifeboat_load");
  try {
    await copyRows(
      client,
      into,
      rows.map(({ cells }) => cells),
    );
    await client.query("release lifeboat_load");
    return undefined;
  } catch (error) {
    const at = lineOf(error);
    if (at === undefined || !isOfRow(error)) throw error;
    await client.query("rollback to savepoint lifeboat_load; release lifeboat_load");
    return { at: at - 1, state: sqlState(error) };
  }
}

/** `COPY lifeboat_after_0, line 17, column c3: "…"`: the number alone is taken, the rest may hold values. */
function lineOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("where" in error) || typeof error.where !== "string") return undefined;
  const line = /(?:^|\n)COPY lifeboat_\w+, line (\d+)/.exec(error.where)?.[1];
  return line === undefined ? undefined : Number(line);
}

/** Sets the state of changes, by number. */
export async function setStates(
  client: Client,
  t: number,
  some: readonly { readonly n: string; readonly state: string; readonly detail: string | null }[],
): Promise<void> {
  if (some.length === 0) return;
  const json = quoteLiteral(JSON.stringify(some));
  await client.query(
    `update ${staged.change(t)} w set state = s.state, detail = s.detail
       from json_to_recordset(${json}::json) s(n int8, state text, detail text) where w.n = s.n`,
  );
}

/** Which columns the updates of a table change, by place. */
export async function changedPlaces(client: Client, { t, listedColumns }: LiveTable): Promise<number[]> {
  const of = listedColumns.map((_, place) => `coalesce(bool_or(changed[${place + 1}]), false) as "${place}"`);
  if (of.length === 0) return [];
  const { rows } = await client.query<Record<string, boolean>>(
    `select ${of.join(", ")} from ${staged.change(t)} where op = 'update'`,
  );
  return listedColumns.flatMap((_, place) => (rows[0]?.[place] === true ? [place] : []));
}

/** Which of a list's tables are written, and how. */
export function usesOf(header: ListHeader, summary: Pick<ListSummary, "counts">) {
  return header.tables.map((_, t) => {
    const { inserts = 0, updates = 0, deletes = 0 } = summary.counts[t] ?? {};
    return { inserts: inserts > 0, updates: updates > 0, deletes: deletes > 0 };
  });
}
