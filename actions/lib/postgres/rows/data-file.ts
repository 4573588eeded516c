import type { Client } from "pg";
import { LifeboatError, OperationError, sqlState } from "../../base/errors.ts";
import { tableName } from "../identifier.ts";
import type { Fingerprint, TableContent } from "../inventory/model.ts";
import { pathStatement } from "../inventory/name-lookup.ts";
import type { RowInput } from "../row-hash/memory.ts";
import { createRowHasher, type RowHasher } from "../row-hash/row-hash.ts";
import { copyOut } from "./copy-out.ts";
import type { DataFile, Slice } from "./data-plan.ts";
import { blockBegin, blockEnd, dataHeader } from "./data-sql.ts";
import { copyOutStatement } from "./export-rows.ts";
import { lent, whyUnreadable } from "./fingerprint.ts";

/** What rows of a table are hashed to, divided by their key where it has one. */
export type HashedRows = Fingerprint & { readonly buckets?: BigInt64Array };

/** The hasher for rows of a table. */
export function hasherOf(
  { key, columns }: Pick<TableContent, "key" | "columns">,
  input?: RowInput,
): Pick<RowHasher, "push"> & { finish(): HashedRows } {
  if (!key) return createRowHasher(columns.length, input);
  return createRowHasher(columns.length, input, { key: key.map((column) => columns.indexOf(column)) });
}

/** Statements in one message: few enough for the server to parse ahead, enough to hide the way to it. */
const tablesPerMessage = 200;

/**
 * Reads the rows of a file from the database and writes them as `data-sql` says, hashed on their way.
 *
 * @param client under the set's snapshot, used for nothing else meanwhile
 * @param input from `copyMemory`; a chunk lies in it, and is valid until two more have been asked for
 * @param found told of each table's rows in the file, in the order of the blocks
 * @throws OperationError `connection-lost`, `dump-differs`, `row-too-long`, `table-unplanned`, `table-unreadable`
 */
export async function* readDataFile(
  client: Client,
  { tables, slice }: Pick<DataFile, "tables" | "slice">,
  input: RowInput,
  found: (table: TableContent, rows: HashedRows) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield dataHeader;
  for (let from = 0; from < tables.length; from += tablesPerMessage) {
    yield* readTables(client, tables.slice(from, from + tablesPerMessage), slice, input, found);
  }
}

async function* readTables(
  client: Client,
  tables: readonly TableContent[],
  slice: Slice | undefined,
  input: RowInput,
  found: (table: TableContent, rows: HashedRows) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const path = slice?.path === undefined ? [] : [pathStatement(slice.path)];
  const copies = tables.map((table) => copyOutStatement(table, slice));
  let place = 0;
  try {
    let hasher: ReturnType<typeof hasherOf> | undefined;
    for await (const event of copyOut(client, [lent.begin, ...path, ...copies, lent.end], input)) {
      const table = tables[place];
      if (table === undefined) throw differs(tables, "came more often than they were asked for");
      if (hasher === undefined) {
        hasher = hasherOf(table, input);
        yield blockBegin(table);
      }
      if ("text" in event) {
        hasher.push(event.text);
        yield event.text;
        continue;
      }
      const rows = hasher.finish();
      if (rows.rows !== event.rows) throw differs([table], `are ${event.rows} at the server, and ${rows.rows} came`);
      yield blockEnd;
      found(table, rows);
      hasher = undefined;
      place += 1;
    }
    if (place < tables.length) throw differs(tables.slice(place), "did not come");
  } catch (error) {
    if (error instanceof LifeboatError) throw error;
    if (isLost(error)) throw connectionLost();
    throw whyUnreadable(tables[place] ?? { schema: "", name: "" }, error);
  }
}

export function differs(tables: readonly TableContent[], how: string): OperationError {
  const names = tables.slice(0, 10).map(tableName);
  return new OperationError(
    "dump-differs",
    `The rows of ${tables.length} tables ${how}: ${names.join(", ")}${tables.length > 10 ? ", …" : ""}.`,
    "Run again; if it comes back, report it with this line.",
  );
}

/** Whether an error is the end of the session: of the network, or by the server (57P01 to 57P03, 08…). */
export function isLost(error: unknown): boolean {
  return /^(?:none|57P|08)/.test(sqlState(error));
}

export function connectionLost(): OperationError {
  return new OperationError(
    "connection-lost",
    "The connection to the database was lost while rows were read.",
    "Run again; if it comes back, look at the database's health and at the network between.",
  );
}
