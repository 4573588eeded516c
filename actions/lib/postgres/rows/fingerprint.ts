import type { Client } from "pg";
import { z } from "zod";
import { describeCode, OperationError, sqlState } from "../../base/errors.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../identifier.ts";
import {
  type Fingerprint,
  fingerprintSchema,
  type Generated,
  type MaterializedView,
  type TableContent,
} from "../inventory/model.ts";
import { rowTooLong, unplanned } from "./export-rows.ts";

/**
 * A fingerprint is the exact number of rows and the sum of the rows' 64-bit hashes. A sum does not depend on the order,
 * and two equal rows do not cancel out as they would under XOR. A row is hashed as the text of its stored columns:
 * the same text that COPY writes, so that a dump can be checked without a database (postgres/row-hash/row-hash), and one that knows
 * nothing of OIDs. hashtextextended has given the same value for the same bytes since PostgreSQL 11 (hashfn.c).
 */
const sums = (row: string) =>
  `select count(*)::text as rows, coalesce(sum(hashtextextended(${row}::text collate "C", 0::int8)), 0)::text as hash`;

/**
 * Fingerprint of one table as the connection's snapshot sees it.
 *
 * @param client a connection with the pinned session settings, row_security off: text depends on them
 * @throws OperationError `table-unreadable` with the SQLSTATE, `row-too-long`, `table-unplanned`
 */
export async function fingerprintTable(
  client: Client,
  table: Pick<TableContent, "schema" | "name" | "columns" | "filter">,
): Promise<Fingerprint> {
  const row = `row(${table.columns.map(quoteIdentifier).join(", ")})`;
  return fingerprintSchema.parse(await readTable(client, table, sums(row)));
}

/**
 * The stored generated columns with the hashes of their values, each beside the key of its row.
 *
 * @throws OperationError `table-unreadable` with the SQLSTATE
 */
export async function fingerprintGenerated(
  client: Client,
  table: Pick<TableContent, "schema" | "name" | "filter">,
  { key, columns }: Generated,
): Promise<Generated> {
  const sumOf = (column: string, place: number) => {
    const row = `row(${[...key, column].map(quoteIdentifier).join(", ")})`;
    return `coalesce(sum(hashtextextended(${row}::text collate "C", 0::int8)), 0)::text as "${place}"`;
  };
  const found = await readTable(
    client,
    table,
    `select ${columns.map(({ name }, place) => sumOf(name, place)).join(", ")}`,
  );
  const hashes = z.record(z.string(), z.string()).parse(found);
  return { key, columns: columns.map((column, place) => ({ ...column, hash: hashes[place] ?? null })) };
}

/**
 * Number of rows of one table as the connection's snapshot sees it, in decimal digits. Reads the table, but none of the
 * long values that are kept beside it, and writes no row out.
 *
 * @throws OperationError `table-unreadable` with the SQLSTATE
 */
export async function countRows(
  client: Client,
  table: Pick<TableContent, "schema" | "name" | "filter">,
): Promise<string> {
  return z.object({ rows: z.string() }).parse(await readTable(client, table, "select count(*)::text as rows")).rows;
}

async function readTable(
  client: Client,
  table: Pick<TableContent, "schema" | "name" | "filter">,
  select: string,
): Promise<unknown> {
  const sql = `${select} from only ${quoteQualified(table.schema, table.name)} ${table.filter ?? ""}`;
  return readWith(client, table, sql);
}

async function readWith(client: Client, table: Pick<TableContent, "schema" | "name">, sql: string): Promise<unknown> {
  try {
    return (await client.query(sql)).rows[0];
  } catch (error) {
    if (sqlState(error) === rowTooLong.state) throw rowTooLong.of(table);
    if (unplanned.is(sqlState(error))) throw unplanned.of(table, describeCode(error));
    throw new OperationError(
      "table-unreadable",
      `The rows of ${tableName(table)} could not be read (SQLSTATE ${sqlState(error)}).`,
      sqlState(error) === "53200"
        ? "The server's lock table is full: raise max_locks_per_transaction."
        : "Run `lifeboat check`: it names what the role cannot read.",
    );
  }
}

/**
 * Fingerprints what a materialised view holds and what its query gives under the same snapshot: they differ when the
 * view is stale. `fresh` is null when the role may not run the query.
 *
 * @throws OperationError as fingerprintTable
 */
export async function fingerprintMaterializedView(
  client: Client,
  view: Pick<MaterializedView, "schema" | "name" | "populated">,
): Promise<MaterializedView> {
  const name = quoteQualified(view.schema, view.name);
  if (!view.populated) return { ...view, stored: null, fresh: null };
  const stored = fingerprintSchema.parse(await readWith(client, view, `${sums("row(q.*)")} from ${name} q`));
  const text = await client.query("select pg_get_viewdef($1::regclass) as query", [name]);
  const query = z.object({ query: z.string() }).parse(text.rows[0]).query.replace(/;\s*$/, "");
  await client.query("savepoint fresh");
  try {
    const fresh = fingerprintSchema.parse((await client.query(`${sums("row(q.*)")} from (${query}) q`)).rows[0]);
    await client.query("release savepoint fresh");
    return { ...view, stored, fresh };
  } catch (error) {
    if (sqlState(error) === "none") throw error;
    await client.query("rollback to savepoint fresh");
    return { ...view, stored, fresh: null };
  }
}

const pageBytes = 1_048_576;

/**
 * Size and hash of a large object, read in pages of 1 MiB so that neither side holds more of it.
 * The hash is the sum over the pages of hash(`<page number>:<hex of the page>`).
 *
 * @throws OperationError `large-object-unreadable` with the SQLSTATE
 */
export async function fingerprintLargeObject(
  client: Client,
  oid: string,
): Promise<{ oid: string; bytes: string; hash: string }> {
  try {
    const bytes = await largeObjectSize(client, oid);
    const answer = await client.query(
      `select coalesce(sum(hashtextextended(
                page || ':' || encode(lo_get($1::oid, page * ${pageBytes}::int8, ${pageBytes}), 'hex') collate "C", 0)), 0)::text as hash
         from generate_series(0, ($2::int8 - 1) / ${pageBytes}) page where $2::int8 > 0`,
      [oid, bytes],
    );
    return { oid, bytes, hash: z.object({ hash: z.string() }).parse(answer.rows[0]).hash };
  } catch (error) {
    throw new OperationError(
      "large-object-unreadable",
      `Large object ${oid} could not be read (SQLSTATE ${sqlState(error)}).`,
      `As its owner: GRANT SELECT ON LARGE OBJECT ${oid} TO the backup role.`,
    );
  }
}

/** Large object descriptors stay open until the transaction ends unless closed, and there may be many objects. */
async function largeObjectSize(client: Client, oid: string): Promise<string> {
  const readMode = 0x40000;
  const opened = await client.query("select lo_open($1::oid, $2) as fd", [oid, readMode]);
  const { fd } = z.object({ fd: z.number() }).parse(opened.rows[0]);
  const size = await client.query("select lo_lseek64($1, 0, 2)::text as bytes", [fd]);
  await client.query("select lo_close($1)", [fd]);
  return z.object({ bytes: z.string() }).parse(size.rows[0]).bytes;
}
