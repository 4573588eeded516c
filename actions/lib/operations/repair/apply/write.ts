import type { Client, QueryResult } from "pg";
import { OperationError, sqlState } from "../../../base/errors.ts";
import { quoteIdentifier, quoteLiteral } from "../../../postgres/identifier.ts";
import { columnList } from "./judge.ts";
import { type LiveTable, liveCell } from "./live-table.ts";
import { isOfRow, ofRowPattern, refusedAs } from "./refusal.ts";
import { changedPlaces, setStates, staged } from "./staged.ts";

/** A change that is not written, and why. */
export interface Refused {
  readonly n: string;
  readonly state: string;
  readonly detail: string | null;
}

/** Writing is tried again without the rows that were refused; more rounds than this are some constraint's own rules. */
const mostRounds = 50;

/**
 * Writes what is `ready`: rows that go, cells that change, rows that come. A statement takes all rows of a kind; where the server
 * refuses it for a row, the rows that it refuses are found one by one, marked, and all others are written.
 *
 * @throws OperationError `write-suppressed` when the server wrote other rows than it was told; what ends the attempt
 */
export async function writeTable(client: Client, table: LiveTable): Promise<void> {
  await expectAll(client, table, "delete", await client.query(deleteStatement(table, "delete")));
  await writeUpdates(client, table);
  await trying(
    client,
    table,
    "insert",
    () => client.query(insertStatement(table)),
    insertStatement(table, "lifeboat.n"),
  );
}

async function writeUpdates(client: Client, table: LiveTable): Promise<void> {
  const places = await changedPlaces(client, table);
  if (places.length === 0) return;
  const settable = places.every((place) => table.listedColumns[place]?.identity !== "a");
  if (settable) {
    await client.query("savepoint lifeboat_updates");
    try {
      await expectAll(client, table, "update", await client.query(updateStatement(table, places)));
      await client.query("release lifeboat_updates");
      return;
    } catch (error) {
      if (!isOfRow(error)) throw error;
      await client.query("rollback to savepoint lifeboat_updates; release lifeboat_updates");
    }
  }
  // Rows that exchange unique values go first and come again. So do identity columns, which UPDATE may not set.
  const again = insertAgain(table, places);
  await trying(
    client,
    table,
    "update",
    async () => {
      await setAside(client, table);
      await expectAll(client, table, "update", await client.query(deleteStatement(table, "update")));
      return client.query(again());
    },
    again("lifeboat.n"),
    true,
  );
}

/**
 * @param all writes all rows that are ready
 * @param one the statement for one of them, whose number is `lifeboat.n`, where the last step of `all` has failed
 * @param afresh the rows that are refused stay as they were before `all`, and may be in the way of others
 */
async function trying(
  client: Client,
  table: LiveTable,
  op: "insert" | "update",
  all: () => Promise<QueryResult>,
  one: string,
  afresh = false,
): Promise<void> {
  for (let round = 1; ; round++) {
    await client.query("savepoint lifeboat_write");
    try {
      await expectAll(client, table, op, await all());
      await client.query("release lifeboat_write");
      return;
    } catch (error) {
      if (!isOfRow(error)) throw error;
      if (round > mostRounds) throw unsettled(table);
      await client.query("rollback to savepoint lifeboat_write");
    }
    if (afresh) {
      await setAside(client, table);
      await client.query(deleteStatement(table, "update"));
    }
    const refused = await rowByRow(client, table, op, one);
    await client.query("rollback to savepoint lifeboat_write; release lifeboat_write");
    if (refused.length === 0) throw unsettled(table);
    await setStates(client, table.t, refused);
  }
}

const unsettled = ({ name }: LiveTable): OperationError =>
  new OperationError(
    "rows-unsettled",
    `Which rows of ${name} its constraints refuse cannot be told: together they are refused, one by one others are.`,
    "Nothing was changed. Repair fewer rows at a time (--where, --keys).",
  );

async function expectAll(client: Client, { t, name }: LiveTable, op: string, { rowCount }: QueryResult): Promise<void> {
  const { rows } = await client.query<{ ready: number }>(
    `select count(*)::int as ready from ${staged.change(t)} where state = 'ready' and op = $1`,
    [op],
  );
  if (rows[0]?.ready !== rowCount) throw suppressed(name);
}

const suppressed = (name: string): OperationError =>
  new OperationError(
    "write-suppressed",
    `The server wrote other rows of ${name} than it was told: a rule, a trigger or a policy stands between.`,
    "Nothing was changed. See which it is, and switch it off for the time of the repair.",
  );

const hit = "t.ctid = w.place and t.tableoid = w.part and w.state = 'ready'";
const numbered = (n: string | undefined): string => (n === undefined ? "" : ` and w.n = ${n}`);

function deleteStatement({ t, from }: LiveTable, op: "delete" | "update"): string {
  return `delete from ${from} t using ${staged.change(t)} w where ${hit} and w.op = '${op}'`;
}

function updateStatement({ t, from, listedColumns }: LiveTable, places: readonly number[]): string {
  const sets = places.map((place) => {
    const column = listedColumns[place];
    if (column === undefined) return "";
    const name = quoteIdentifier(column.name);
    return `${name} = case when w.changed[${place + 1}] then ${staged.cell("a", place)} else t.${name} end`;
  });
  return `update ${from} t set ${sets.join(", ")} from ${staged.change(t)} w join ${staged.after(t)} a using (n)
    where ${hit} and w.op = 'update'`;
}

function insertStatement({ t, quoted, listedColumns }: LiveTable, n?: string): string {
  const cells = listedColumns.map((_, place) => staged.cell("a", place));
  return `insert into ${quoted} (${columnList(listedColumns)}) overriding system value
    select ${cells.join(", ")} from ${staged.change(t)} w join ${staged.after(t)} a using (n)
     where w.op = 'insert' and w.state = 'ready'${numbered(n)} order by w.n`;
}

const aside = (t: number): string => `pg_temp.lifeboat_aside_${t}`;

/** The whole rows that are changed, as they are. */
async function setAside(client: Client, { t, from, columns }: LiveTable): Promise<void> {
  const cells = columns.map((column, at) => `${liveCell("t", column)} as c${at}`).join(", ");
  await client.query(
    `create temporary table lifeboat_aside_${t} on commit drop as select w.n, ${cells} from ${staged.change(t)} w join ${from} t on ${hit}
      where w.op = 'update'`,
  );
}

function insertAgain({ t, quoted, columns, listed }: LiveTable, places: readonly number[]) {
  const cells = columns.map(({ name }, at) => {
    const place = listed.columns.indexOf(name);
    const kept = `o.c${at}`;
    return places.includes(place)
      ? `case when w.changed[${place + 1}] then ${staged.cell("a", place)} else ${kept} end`
      : kept;
  });
  return (n?: string): string => `insert into ${quoted} (${columnList(columns)}) overriding system value
    select ${cells.join(", ")} from ${staged.change(t)} w join ${staged.after(t)} a using (n) join ${aside(t)} o using (n)
     where w.op = 'update' and w.state = 'ready'${numbered(n)} order by w.n`;
}

const refusedTable = "pg_temp.lifeboat_refused";

/**
 * Tries each row under a savepoint of its own, at the server. Of the constraint's name only that of one that there is is taken: what a
 * function raises may call itself anything.
 */
async function rowByRow(client: Client, { t, name }: LiveTable, op: string, one: string): Promise<Refused[]> {
  const body = `
    #variable_conflict use_column
    <<lifeboat>>
    declare n int8; state text; named text; col text; done int8;
    begin
      for lifeboat.n in select w.n from ${staged.change(t)} w where w.op = '${op}' and w.state = 'ready' order by w.n loop
        begin
          ${one};
          get diagnostics done = row_count;
        exception when others then
          get stacked diagnostics state = returned_sqlstate, named = constraint_name, col = column_name;
          if lifeboat.state !~ '${ofRowPattern}' then raise; end if;
          insert into ${refusedTable} values (lifeboat.n, lifeboat.state, lifeboat.named, lifeboat.col);
          done := 1;
        end;
        if lifeboat.done <> 1 then raise exception using errcode = 'LB001', message = 'suppressed'; end if;
      end loop;
    end`;
  await client.query(`create temporary table lifeboat_refused (n int8, state text, named text, col text)`);
  try {
    await client.query(`do ${quoteLiteral(body)}`);
  } catch (error) {
    throw sqlState(error) === "LB001" ? suppressed(name) : error;
  }
  const { rows } = await client.query<{ n: string; state: string; named: string | null; col: string | null }>(
    `select r.n::text as n, r.state,
            (select k.conname from pg_constraint k where k.conname = r.named limit 1) as named,
            (select a.attname from pg_attribute a where a.attname = r.col limit 1) as col
       from ${refusedTable} r order by r.n`,
  );
  return rows.map(({ n, state, named, col }) => ({
    n,
    state: refusedAs(state),
    detail: named ?? (state === "23502" ? col : null) ?? state,
  }));
}
