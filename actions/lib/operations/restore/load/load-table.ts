import { pipeline } from "node:stream/promises";
import type { Client, QueryResult } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { z } from "zod";
import { OperationError } from "../../../base/errors.ts";
import { quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { Fingerprint, TableContent } from "../../../postgres/inventory/model.ts";
import { pathStatement } from "../../../postgres/inventory/name-lookup.ts";
import { copyStatement } from "../../../postgres/rows/data-sql.ts";
import { fingerprintTable } from "../../../postgres/rows/fingerprint.ts";
import { reasonOf } from "../../target/sessions.ts";
import type { TableLoad } from "../plan/plan-data.ts";
import { isForeign, type Journal } from "../target/journal.ts";

/** The journal's names for the parts of a table: an artifact holds all of its rows, or one slice. */
export function loadItems(table: Pick<TableContent, "schema" | "name" | "parts">): string[] {
  const { parts = [] } = table;
  return parts.length < 2 ? [`rows ${tableName(table)}`] : parts.map(({ artifact }) => itemIn(table, artifact));
}

/** The journal's name for what an artifact holds of a table. */
export function itemIn(table: Pick<TableContent, "schema" | "name" | "parts">, artifact: string): string {
  return (table.parts?.length ?? 0) < 2 ? `rows ${tableName(table)}` : `slice ${artifact}`;
}

/** Whether all parts of a table are in. */
export function isLoaded(journal: Journal, table: TableContent): boolean {
  return loadItems(table).every((item) => journal.isDone(item));
}

/** Numbers of the rows that are in, by parts of a table; undefined for one whose rows nobody has counted. */
export function rowsBrought(journal: Journal, table: TableContent): (string | undefined)[] {
  const { parts = [], fingerprint } = table;
  const counts = parts.length < 2 ? [fingerprint?.rows] : parts.map(({ rows }) => rows);
  const items = loadItems(table);
  return counts.filter((_, place) => journal.isDone(items[place] ?? ""));
}

/** The table that an item of the journal is about, as people write it; undefined for an item of another kind. */
export function loadedTable(journal: Journal, item: string): string | undefined {
  if (item.startsWith("rows ")) return item.slice("rows ".length);
  return z.object({ table: z.string() }).safeParse(journal.noted(item)).data?.table;
}

export interface LoadingWay {
  readonly journal: Journal;
  readonly mayReplicate: boolean;
  readonly path?: string;
  /** SQL for the end of each transaction that brings rows: takes back what functions of the user's put into the queue. */
  readonly afterRows?: string;
}

/** What an artifact holds of a table. */
export interface PartLoad {
  readonly load: TableLoad;
  /** The journal's name for it. */
  readonly item: string;
  /** Whether this run has seen that the table holds nothing of somebody else's: to look reads all of it. */
  readonly checked: boolean;
}

/** Whether somebody else has put rows into a table, as an expression. To be rolled back: see `withNothingFolded`. */
export function filledBy({ table }: TableLoad): string {
  const rows = `select xmin::text as brought from only ${quoteQualified(table.schema, table.name)} ${table.filter ?? ""}`;
  return `exists (select from (${rows}) r where ${isForeign("r.brought")})`;
}

/** The columns that the rows are brought with, and the statement that takes them: through the root where they may belong elsewhere. */
export function copyOf({ table, keep, through }: TableLoad): {
  readonly columns: string[];
  readonly statement: string;
} {
  const columns = keep === undefined ? table.columns : keep.map((place) => table.columns[place] ?? "");
  return { columns, statement: copyStatement({ ...table, ...through?.root, columns }) };
}

/** The statements ahead of rows. */
export function beforeRows({ mayReplicate, path }: LoadingWay, checks: string): string {
  const off = mayReplicate ? "set local session_replication_role = 'replica';\n" : "";
  return `begin;\n${off}${checks}${path === undefined ? "" : pathStatement(path)}`;
}

/** The statements behind rows: the answer to the last but one goes to `journal.take`. */
export function behindRows(
  { journal, path, afterRows }: LoadingWay,
  notes: readonly (readonly [item: string, note: object])[],
): string {
  const back = path === undefined ? "" : pathStatement("pg_catalog");
  return `${back}${afterRows === undefined ? "" : `${afterRows};\n`}${journal.noteStatement(notes)}commit`;
}

/**
 * Whether a table holds rows that somebody else has put there. What an extension puts into its own table as it is made may stay: the
 * comparison tells whether it is what the source had.
 * @throws OperationError `target-filled-meanwhile` for all others
 */
export async function isFilled(client: Client, { load }: PartLoad): Promise<boolean> {
  const answer = await client.query(`begin;\nselect ${filledBy(load)} as filled;\nrollback`);
  if (z.object({ filled: z.boolean() }).parse(notesOf(answer)[0]).filled === false) return false;
  if (!load.table.carried) return true;
  throw new OperationError(
    "target-filled-meanwhile",
    `Somebody else has put rows into ${tableName(load.table)} while the restore was running.`,
    "Keep everything else off the target, empty it and restore again.",
  );
}

/**
 * Loads one part as `loadPart` does, but what is noted with it is known only when its rows have passed.
 *
 * @param chunks COPY text, already cut down to the kept columns
 * @param reduced called after the last chunk: what the kept columns hash to, noted for the proof
 */
export async function loadChanged(
  client: Client,
  part: PartLoad,
  chunks: AsyncIterable<Uint8Array>,
  way: LoadingWay,
  reduced: () => Fingerprint | undefined,
): Promise<string | undefined> {
  const { load, item, checked } = part;
  const { columns, statement } = copyOf(load);
  const name = tableName(load.table);
  try {
    if (!checked && (await isFilled(client, part))) return undefined;
    await client.query(beforeRows(way, ""));
    await pipeline(chunks, client.query(copyFrom(statement)));
    const quieted = load.quiet === undefined ? {} : await fingerprintBefore(client, load.table, columns, load.quiet);
    const note = { ...quieted, reduced: reduced(), table: name };
    way.journal.take(notesOf(await client.query(behindRows(way, [[item, note]]))));
    return undefined;
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    return reasonOf(error);
  }
}

/** What came back from the last but one of several statements in one message, which have as many answers. */
export const notesOf = (answer: QueryResult): unknown[] => [answer].flat().at(-2)?.rows ?? [];

/** The rows are measured as they came, then changed so that they stay quiet. */
async function fingerprintBefore(
  client: Client,
  table: TableContent,
  columns: readonly string[],
  quiet: string,
): Promise<{ fingerprint: Fingerprint; quieted: string[] }> {
  const fingerprint = await fingerprintTable(client, { ...table, columns: [...columns] });
  const answer = await client.query<{ id: string }>(quiet);
  return { fingerprint, quieted: answer.rows.map((row) => row.id) };
}

/** What `xmin` of every row is that the present transaction writes. */
export async function ownTransaction(client: Client): Promise<string> {
  const answer = await client.query<{ number: string }>("select pg_current_xact_id()::xid::text as number");
  return answer.rows[0]?.number ?? "";
}

const tab = 0x09;
const lineFeed = 0x0a;

/**
 * Cuts COPY text down to some of its columns, for a platform's table that has fewer columns in the target. In COPY text
 * a tab or line feed within a value is always escaped, so every such byte is a boundary.
 *
 * @param keep places of the columns that stay, ascending from 0
 * @param blank places of those whose values are left empty; NULL stays NULL
 */
export async function* projectColumns(
  chunks: AsyncIterable<Uint8Array>,
  keep: readonly number[],
  blank: readonly number[] = [],
): AsyncGenerator<Uint8Array, void, undefined> {
  const emptied = new Set(blank);
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const data = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const end = data.lastIndexOf(lineFeed) + 1;
    if (end > 0) yield projectLines(data.subarray(0, end), keep, emptied);
    rest = data.subarray(end);
  }
  if (rest.length > 0) yield projectLines(rest, keep, emptied);
}

function projectLines(lines: Buffer, keep: readonly number[], emptied: ReadonlySet<number>): Buffer {
  const out: Buffer[] = [];
  for (let start = 0; start < lines.length; ) {
    const found = lines.indexOf(lineFeed, start);
    const end = found < 0 ? lines.length : found;
    const fields = splitFields(lines.subarray(start, end));
    keep.forEach((place, index) => {
      if (index > 0) out.push(tabByte);
      const field = fields[place];
      if (field !== undefined && (!emptied.has(place) || field.equals(nullField))) out.push(field);
    });
    out.push(lineFeedByte);
    start = end + 1;
  }
  return Buffer.concat(out);
}

const nullField = Buffer.from("\\N");
const tabByte = Buffer.from([tab]);
const lineFeedByte = Buffer.from([lineFeed]);

function splitFields(line: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let start = 0; ; ) {
    const end = line.indexOf(tab, start);
    if (end < 0) return [...fields, line.subarray(start)];
    fields.push(line.subarray(start, end));
    start = end + 1;
  }
}
