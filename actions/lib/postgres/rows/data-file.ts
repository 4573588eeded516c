import type { Client } from "pg";
import { z } from "zod";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../identifier.ts";
import type { Fingerprint, TableContent } from "../inventory/model.ts";
import { pathStatement } from "../inventory/name-lookup.ts";
import type { RowInput } from "../row-hash/memory.ts";
import { createRowHasher, type RowHasher } from "../row-hash/row-hash.ts";
import { copyOut } from "./copy-out.ts";
import type { DataFile, Slice } from "./data-plan.ts";
import { blockBegin, blockEnd, dataHeader } from "./data-sql.ts";
import { connectionLost, copyOutStatement, isLost } from "./export-rows.ts";
import { lent, whyUnreadable } from "./fingerprint.ts";
import { plannedWithOthersCode } from "./others-code.ts";

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

/** A value of this size can be more than 1 GB as COPY writes it: bytes as two digits each, each backslash and line end doubled. */
const longBytes = 256 * 1024 * 1024;
const shown = 5;

const valueSchema = z.strictObject({ place: z.string(), mebibytes: z.string(), key: z.string().nullable() });

/** Columns whose values' length is told without reading them, and a key that says nothing of a person: a number or UUID. */
const columnsQuery = `
  select a.attname as "column",
         (select k.attname from pg_index x join pg_attribute k on k.attrelid = x.indrelid and k.attnum = x.indkey[0]
           where x.indrelid = a.attrelid and x.indisprimary and x.indnkeyatts = 1
             and k.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype)) as key
    from pg_attribute a
   where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped
     and a.atttypid in ('bytea'::regtype, 'text'::regtype, 'varchar'::regtype)
   order by a.attnum`;
const columnSchema = z.strictObject({ column: z.string(), key: z.string().nullable() });

/**
 * What keeps a dump from being made, where it is that a value is longer than PostgreSQL can write as text.
 *
 * @param client under the snapshot
 * @returns undefined when no value is that long
 */
export async function tooLongToDump(
  client: Client,
  tables: readonly Pick<TableContent, "schema" | "name" | "oid">[],
): Promise<OperationError | undefined> {
  const found: string[] = [];
  const unasked = await plannedWithOthersCode(client);
  for (const { oid, ...table } of tables.filter((one) => !unasked.has(tableName(one)))) {
    for (const { column, key } of z.array(columnSchema).parse((await client.query(columnsQuery, [oid])).rows)) {
      const value = quoteIdentifier(column);
      const { rows } = await client.query(
        `select ctid::text as place, (octet_length(${value}) / 1048576)::text as mebibytes,
                ${key === null ? "null" : `${quoteIdentifier(key)}::text`} as key
           from only ${quoteQualified(table.schema, table.name)} where octet_length(${value}) > ${longBytes}
          order by octet_length(${value}) desc limit ${shown}`,
      );
      for (const { place, mebibytes, key: id } of z.array(valueSchema).parse(rows)) {
        const where = key === null || id === null ? `ctid ${place}` : `${key} ${id}`;
        found.push(`${tableName(table)}, column ${column}, ${where} (${mebibytes} MiB)`);
      }
    }
  }
  if (found.length === 0) return undefined;
  return new OperationError(
    "value-too-long",
    `A value is longer than any dump can hold: PostgreSQL writes a row as 1 GB of text at most. The longest: ${found.slice(0, shown).join("; ")}.`,
    "Keep it as a file in Storage, or in several rows, and run the backup again.",
  );
}
