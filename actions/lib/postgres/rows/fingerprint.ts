import type { Client, QueryResult } from "pg";
import { z } from "zod";
import { describeCode, OperationError, sqlState } from "../../base/errors.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../identifier.ts";
import { type Fingerprint, fingerprintSchema, type Generated, type TableContent } from "../inventory/model.ts";
import { firstRowUnder } from "../inventory/name-lookup.ts";
import { pageBytes } from "../row-hash/large-object.ts";
import { rowTooLong, unplanned } from "./export-rows.ts";

/**
 * A fingerprint is the exact number of rows and the sum of the rows' 64-bit hashes. A sum does not depend on the order,
 * and two equal rows do not cancel out as they would under XOR. A row is hashed as the text of its stored columns:
 * the same text that COPY writes, so that a dump can be checked without a database (postgres/row-hash/row-hash), and one that knows
 * nothing of OIDs. hashtextextended has given the same value for the same bytes since PostgreSQL 11 (hashfn.c).
 */
export const sums = (row: string) => `select count(*)::text as rows, coalesce(sum(${hashOfRow(row)}), 0)::text as hash`;

/** The hash of a row as an expression, the same number as the row hasher's. @param row `row("a", "b")` */
export function hashOfRow(row: string): string {
  return `pg_catalog.hashtextextended(${row}::pg_catalog.text collate pg_catalog."C", 0::pg_catalog.int8)`;
}

/**
 * Whether two rows are equal, for types that have no equality, too: in their binary image, or else in the text that a set holds of
 * them. Two images may stand for one value: an array knows that it could have had nulls. Never null.
 */
export function equalRows(one: string, other: string): string {
  const text = (row: string): string => `${row}::pg_catalog.text collate pg_catalog."C"`;
  return `(case when pg_catalog.record_image_eq(${one}, ${other}) then true
            else ${text(one)} operator(pg_catalog.=) ${text(other)} end)`;
}

/**
 * Around what reads tables: the locks that it took, on indexes too, are given up again. Kept until the end of the transaction
 * they fill the server's lock table (3,000 tables are more than Supabase's smaller machines have room for).
 */
export const lent = {
  begin: "savepoint before_reading",
  end: "rollback to savepoint before_reading;\nrelease before_reading",
};

/**
 * Asks several statements in one message.
 * @param client inside a transaction
 * @returns the rows of each; undefined when one of them does not work
 * @throws the driver's error when the connection is lost
 */
export async function askTogether(client: Client, statements: readonly string[]): Promise<unknown[][] | undefined> {
  try {
    const results = await client.query([lent.begin, ...statements, lent.end].join(";\n"));
    return ([results].flat() as QueryResult[]).slice(1, statements.length + 1).map(({ rows }) => rows);
  } catch (error) {
    if (sqlState(error) === "none") throw error;
    await client.query(lent.end);
    return undefined;
  }
}

/** A statement that gives one row, and what it says. */
export interface Question<Answer> {
  readonly sql: string;
  readonly parse: (row: unknown) => Answer;
}

type Table = Pick<TableContent, "schema" | "name" | "filter">;

const rowsOf = ({ schema, name, filter }: Table): string => `from only ${quoteQualified(schema, name)} ${filter ?? ""}`;

export function fingerprintQuestion(table: Table & Pick<TableContent, "columns">): Question<Fingerprint> {
  const row = `row(${table.columns.map(quoteIdentifier).join(", ")})`;
  return { sql: `${sums(row)} ${rowsOf(table)}`, parse: (found) => fingerprintSchema.parse(found) };
}

/**
 * Fingerprint of one table as the connection's snapshot sees it.
 *
 * @param client a connection with the pinned session settings, row_security off: text depends on them
 * @throws OperationError `table-unreadable` with the SQLSTATE, `row-too-long`, `table-unplanned`
 */
export function fingerprintTable(client: Client, table: Table & Pick<TableContent, "columns">): Promise<Fingerprint> {
  return readWith(client, table, fingerprintQuestion(table));
}

/** The stored generated columns with the hashes of their values, each beside the key of its row. */
export function generatedQuestion(table: Table, { key, columns }: Generated): Question<Generated> {
  const sumOf = (column: string, place: number) => {
    const row = `row(${[...key, column].map(quoteIdentifier).join(", ")})`;
    return `coalesce(sum(${hashOfRow(row)}), 0)::text as "${place}"`;
  };
  return {
    sql: `select ${columns.map(({ name }, place) => sumOf(name, place)).join(", ")} ${rowsOf(table)}`,
    parse(found) {
      const hashes = z.record(z.string(), z.string()).parse(found);
      return { key, columns: columns.map((column, place) => ({ ...column, hash: hashes[place] ?? null })) };
    },
  };
}

/**
 * Number of rows of one table as the connection's snapshot sees it, in decimal digits. Reads the table, but none of the
 * long values that are kept beside it, and writes no row out.
 *
 * @throws OperationError `table-unreadable` with the SQLSTATE
 */
export function countRows(client: Client, table: Table): Promise<string> {
  const sql = `select count(*)::text as rows ${rowsOf(table)}`;
  return readWith(client, table, { sql, parse: (row) => z.object({ rows: z.string() }).parse(row).rows });
}

/** Reads in the session's own transaction. @throws OperationError as fingerprintTable */
export function readWith<Answer>(
  client: Client,
  table: Pick<TableContent, "schema" | "name">,
  question: Question<Answer>,
): Promise<Answer> {
  return rowOf(table, question, async ({ sql }) => (await client.query(sql)).rows[0]);
}

/**
 * Reads in a transaction that is rolled back: what a query calls may be the user's own functions, and a role that restores may do
 * more than their owner. Only within `askEach`.
 *
 * @param path search path to read under
 * @throws OperationError as fingerprintTable
 */
export function readApart<Answer>(
  client: Client,
  table: Pick<TableContent, "schema" | "name">,
  question: Question<Answer>,
  path?: string,
): Promise<Answer> {
  return rowOf(table, question, ({ sql }) => firstRowUnder(client, path, { sql }));
}

async function rowOf<Answer>(
  table: Pick<TableContent, "schema" | "name">,
  question: Question<Answer>,
  ask: (question: Question<Answer>) => Promise<unknown>,
): Promise<Answer> {
  const row = await ask(question).catch((error: unknown) => {
    throw whyUnreadable(table, error);
  });
  return question.parse(row);
}

/** Why a table or materialised view could not be read, of the server's error. */
export function whyUnreadable(table: Pick<TableContent, "schema" | "name">, error: unknown): OperationError {
  if (rowTooLong.is(error)) return rowTooLong.of(table);
  if (unplanned.is(sqlState(error))) return unplanned.of(table, describeCode(error));
  return new OperationError(
    "table-unreadable",
    `The rows of ${tableName(table)} could not be read (SQLSTATE ${sqlState(error)}).`,
    sqlState(error) === "53200"
      ? "The server's lock table is full: raise max_locks_per_transaction."
      : "Run `lifeboat check`: it names what the role cannot read.",
  );
}

const readMode = 0x40000;

interface MeasuredObject {
  readonly oid: string;
  readonly bytes: string;
  readonly hash: string;
}

/**
 * Sizes and hashes of large objects, read in pages of 1 MiB so that neither side holds more of one.
 * The hash is the sum over the pages of hash(`<page number>:<hex of the page>`).
 *
 * @param client inside a transaction
 * @throws OperationError `large-object-unreadable` with the SQLSTATE, of one; the server's error, of several
 */
export async function fingerprintLargeObjects(client: Client, oids: readonly string[]): Promise<MeasuredObject[]> {
  try {
    const answer = await client.query(
      `select o.oid, o.bytes::text, coalesce((
                select sum(hashtextextended(
                         page || ':' || encode(lo_get(o.oid::oid, page * ${pageBytes}::int8, ${pageBytes}), 'hex') collate "C", 0))
                  from generate_series(0, (o.bytes - 1) / ${pageBytes}) page where o.bytes > 0), 0)::text as hash, lo_close(o.fd)
         from (select oid, fd, lo_lseek64(fd, 0, 2) as bytes
                 from (select oid, lo_open(oid::oid, ${readMode}) as fd from unnest($1::text[]) oid offset 0) opened offset 0) o`,
      [oids],
    );
    const found = z.array(z.object({ oid: z.string(), bytes: z.string(), hash: z.string() })).parse(answer.rows);
    const measured = new Map(found.map((object) => [object.oid, object]));
    return oids.flatMap((oid) => measured.get(oid) ?? []);
  } catch (error) {
    const [oid, ...more] = oids;
    if (more.length > 0 || sqlState(error) === "none") throw error;
    throw new OperationError(
      "large-object-unreadable",
      `Large object ${oid} could not be read (SQLSTATE ${sqlState(error)}).`,
      `As its owner: GRANT SELECT ON LARGE OBJECT ${oid} TO the backup role.`,
    );
  }
}

/** The same of one. @throws OperationError `large-object-unreadable` with the SQLSTATE */
export async function fingerprintLargeObject(client: Client, oid: string): Promise<MeasuredObject> {
  const [measured] = await fingerprintLargeObjects(client, [oid]);
  if (measured !== undefined) return measured;
  throw new OperationError("large-object-unreadable", `Large object ${oid} is not there.`, "Run again.");
}
