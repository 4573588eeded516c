import type { Client } from "pg";
import { quoteIdentifier } from "../../../postgres/identifier.ts";
import { type LiveTable, liveCell, rowHash, sameCell } from "./live-table.ts";
import { staged } from "./staged.ts";

/**
 * The guards: what holds of the live rows of each change is judged when they are locked, and stays so until the transaction ends.
 *
 * - `ready`: an update's cells are as the list has them; a row that goes is, all of it; the key of a row that comes is free.
 * - `already`: the row is as the list wants it.
 * - `edited`: a cell was changed since, or a row that goes was. `gone`: there is no such row. `taken`: another row has the key.
 */
export async function lockAndJudge(client: Client, tables: readonly LiveTable[]): Promise<void> {
  for (const table of tables) await client.query(lockStatement(table));
  // Another statement, and so another snapshot: it sees the rows as they are locked.
  for (const table of tables) {
    await client.query(table.key === null ? judgeWholeRows(table) : judgeByKey(table));
    if (table.key !== null) await client.query(freedStatement(table));
  }
}

/** The listed row's key on that side, against the live row's. */
function sameKey(table: LiveTable, live: string, listed: string): string {
  return (table.key ?? [])
    .map(({ column, place, operator }) => `${liveCell(live, column)} ${operator} ${staged.cell(listed, place)}`)
    .join(" and ");
}

/** The live rows `t` of changes `w`, by key: those that go or change by what they are, those that come by what they shall be. */
export function liveByKey(table: LiveTable, side: "before" | "after", which: string): string {
  return `${staged.change(table.t)} w join ${staged[side](table.t)} s using (n)
    join ${table.from} t on ${sameKey(table, "t", "s")} where ${which}`;
}

/** Rows are locked in the order of their key, so that two who do so do not wait for each other. */
function lockStatement(table: LiveTable): string {
  if (table.key === null) {
    const hash = rowHash(table.columns.map((column) => liveCell("t", column)));
    const listed = rowHash(table.listedColumns.map((_, place) => staged.cell("s", place)));
    return `select count(*) from (select from ${table.from} t
       where ${hash} in (select ${listed} from ${staged.before(table.t)} s join ${staged.change(table.t)} w using (n)
                          where w.op = 'delete' and w.state is null) order by ${hash} for update of t) l`;
  }
  const order = table.key.map(({ place }) => staged.cell("s", place)).join(", ");
  const side = (of: "before" | "after", which: string): string =>
    `select count(*) from (select from ${liveByKey(table, of, `w.state is null and ${which}`)} order by ${order} for update of t) l`;
  return `${side("before", "w.op <> 'insert'")};\n${side("after", "w.op = 'insert'")}`;
}

const all = (conditions: readonly string[]): string => (conditions.length === 0 ? "true" : conditions.join(" and "));

function judgeByKey(table: LiveTable): string {
  const { t, listedColumns, key } = table;
  const cell = (side: string, place: number): string => staged.cell(side, place);
  const same = (side: string) =>
    listedColumns.map((column, place) => ({ place, equal: sameCell(liveCell("t", column), cell(side, place)) }));
  const keyed = new Set(key?.map(({ place }) => place));
  const changed = (side: string): string =>
    all(
      same(side)
        .filter(({ place }) => !keyed.has(place))
        .map(({ place, equal }) => `(not w.changed[${place + 1}] or ${equal})`),
    );
  const whole = (side: string): string => all(same(side).map(({ equal }) => equal));
  const hash = rowHash(table.columns.map((column) => liveCell("t", column)));
  const place = "t.ctid as place, t.tableoid as part";
  return `
    with found as (
      select w.n, ${place}, ${hash} as hash,
             case when ${changed("s")} then 'ready' when ${changed("a")} then 'already' else 'edited' end as state
        from ${staged.change(t)} w join ${staged.before(t)} s using (n) join ${staged.after(t)} a using (n)
        join ${table.from} t on ${sameKey(table, "t", "s")} where w.op = 'update' and w.state is null
       union all
      select w.n, ${place}, ${hash}, case when ${whole("s")} then 'ready' else 'edited' end
        from ${liveByKey(table, "before", "w.op = 'delete' and w.state is null")}
       union all
      select w.n, ${place}, ${hash}, case when ${whole("s")} then 'already' else 'taken' end
        from ${liveByKey(table, "after", "w.op = 'insert' and w.state is null")})
    update ${staged.change(t)} w
       set state = coalesce(f.state, case w.op when 'insert' then 'ready' when 'delete' then 'already' else 'gone' end),
           place = f.place, part = f.part, hash = f.hash
      from ${staged.change(t)} o left join found f using (n) where o.n = w.n and w.state is null`;
}

/** A row may come where the list takes away the one that has its key. */
function freedStatement({ t }: LiveTable): string {
  return `update ${staged.change(t)} w set state = 'ready', place = null, part = null, hash = null
     from ${staged.change(t)} d
    where w.op = 'insert' and w.state = 'taken' and d.op = 'delete' and d.state = 'ready' and d.place = w.place and d.part = w.part`;
}

/** Without a key each listed row takes one of the live rows that are equal to it, as long as there are any. */
function judgeWholeRows(table: LiveTable): string {
  const { t } = table;
  const hash = rowHash(table.columns.map((column) => liveCell("t", column)));
  const places = table.columns.map((column) => table.listed.columns.indexOf(column.name));
  const listed = rowHash(places.map((place) => staged.cell("s", place)));
  const equal = all(
    table.columns.map((column, at) => sameCell(liveCell("t", column), staged.cell("b", places[at] ?? 0))),
  );
  return `
    with wanted as (
      select s.n, ${listed} as hash, row_number() over (partition by ${listed} order by s.n) as turn
        from ${staged.before(t)} s join ${staged.change(t)} w using (n) where w.op = 'delete' and w.state is null),
    there as (
      select t.ctid as place, t.tableoid as part, ${hash} as hash, row_number() over (partition by ${hash}) as turn
        from ${table.from} t where ${hash} in (select hash from wanted)),
    found as (
      select d.n, d.place, d.part, d.hash from (select wanted.n, there.* from wanted join there using (hash, turn)) d
        join ${staged.before(t)} b on b.n = d.n
        join ${table.from} t on t.ctid = d.place and t.tableoid = d.part where ${equal})
    update ${staged.change(t)} w
       set state = case when w.op = 'insert' or f.n is not null then 'ready' else 'gone' end,
           place = f.place, part = f.part, hash = f.hash
      from ${staged.change(t)} o left join found f using (n) where o.n = w.n and w.state is null`;
}

/** Two changes of one row would come out as chance has it. @returns how many rows are named twice, by table */
export async function countDoubled(client: Client, tables: readonly LiveTable[]): Promise<number> {
  let doubled = 0;
  for (const { t, key } of tables) {
    if (key === null) continue;
    const cells = key.map(({ place }) => staged.cell("s", place)).join(", ");
    const { rows } = await client.query<{ found: number }>(
      `select count(*)::int as found from (
         select from ${staged.before(t)} s group by ${cells} having count(*) > 1
         union all select from ${staged.after(t)} s join ${staged.change(t)} w using (n) where w.op = 'insert'
          group by ${cells} having count(*) > 1) d`,
    );
    doubled += rows[0]?.found ?? 0;
  }
  return doubled;
}

/** Column list of a statement. */
export const columnList = (columns: readonly { readonly name: string }[]): string =>
  columns.map(({ name }) => quoteIdentifier(name)).join(", ");
