import { pipeline } from "node:stream/promises";
import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { OperationError } from "../../../base/errors.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { Fingerprint, TableContent } from "../../../postgres/inventory/model.ts";
import { pathStatement } from "../../../postgres/inventory/name-lookup.ts";
import { fingerprintTable } from "../../../postgres/rows/fingerprint.ts";
import { reasonOf } from "../../target/sessions.ts";
import type { TableLoad } from "../plan/plan-data.ts";
import type { Journal } from "../target/journal.ts";

export function loadItem(table: Pick<TableContent, "schema" | "name">): string {
  return `rows ${tableName(table)}`;
}

/** The table that an item of the journal is about, as people write it; undefined for an item of another kind. */
export function loadedTable(item: string): string | undefined {
  return item.startsWith("rows ") ? item.slice("rows ".length) : undefined;
}

export interface LoadingWay {
  readonly journal: Journal;
  readonly mayReplicate: boolean;
  readonly path?: string;
  /** SQL for the end of each transaction that brings rows: takes back what functions of the user's put into the queue. */
  readonly afterRows?: string;
  /** Transactions whose rows the table may hold before its own come, as `xmin` shows them. */
  readonly brought?: readonly string[];
}

/**
 * Loads one table in one transaction, noted in the journal in the same transaction: after a crash the rows and the note
 * are both there or both not.
 *
 * @param chunks COPY text, already cut down to the kept columns; each is done with when the next is asked for
 * @returns undefined, or why it did not work: the rows are then not in the table
 * @throws OperationError `target-filled-meanwhile` when the table is no longer empty
 */
export async function loadTable(
  client: Client,
  load: TableLoad,
  chunks: AsyncIterable<Uint8Array>,
  { journal, mayReplicate, path, afterRows, brought = [] }: LoadingWay,
  /** Called after the last chunk: what the kept columns hash to, noted for the proof. */
  reduced: () => Fingerprint | undefined = () => undefined,
): Promise<string | undefined> {
  const { table } = load;
  const columns = load.keep === undefined ? table.columns : load.keep.map((place) => table.columns[place] ?? "");
  const name = quoteQualified(table.schema, table.name);
  const into = load.through === undefined ? name : quoteQualified(load.through.root.schema, load.through.root.name);
  await client.query("begin");
  try {
    if (mayReplicate) await client.query("set local session_replication_role = 'replica'");
    if (path !== undefined) await client.query(pathStatement(path));
    const rows = `select xmin::text as brought from only ${name} ${table.filter ?? ""}`;
    const filled = await client.query(
      `select exists (select from (${rows}) r where r.brought <> all ($1::text[])) as filled`,
      [brought],
    );
    if (filled.rows[0]?.filled === true && !table.carried) {
      // What an extension puts into its own table as it is made: the comparison tells whether it is what the source had.
      await client.query("rollback");
      return undefined;
    }
    if (filled.rows[0]?.filled === true) {
      throw new OperationError(
        "target-filled-meanwhile",
        `Somebody else has put rows into ${tableName(table)} while the restore was running.`,
        "Keep everything else off the target, empty it and restore again.",
      );
    }
    const list = columns.length === 0 ? "" : ` (${columns.map(quoteIdentifier).join(", ")})`;
    // No stream in between: the next chunk is asked for only when the socket has passed on the one before. That holds
    // because chunks are larger than the socket's 64 KiB high-water mark; the last one may be smaller.
    await pipeline(chunks, client.query(copyFrom(`copy ${into}${list} from stdin`)));
    if (afterRows !== undefined) await client.query(afterRows);
    const before = load.quiet === undefined ? undefined : await fingerprintBefore(client, table, columns, load.quiet);
    await journal.note(client, loadItem(table), {
      ...before,
      reduced: reduced(),
      transaction: await ownTransaction(client),
    });
    await client.query("commit");
    return undefined;
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    return reasonOf(error);
  }
}

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
