import { quoteIdentifier } from "../../postgres/identifier.ts";
import { equalRows } from "../../postgres/rows/fingerprint.ts";
import type { GoodSide } from "./good-side.ts";
import type { LiveTable } from "./live-table.ts";
import type { ColumnMatch } from "./match-columns.ts";

/**
 * What differs between the good side of one table and the live one, put where SQL can reach it: in temporary tables of the
 * session that reads the live table, inside its one transaction. Everything that is asked of it afterwards (counts, groups,
 * samples, a plan) is SQL in that session and sees one moment of the live table.
 */

/** Rows; exact, from the temporary tables. */
export interface RowCounts {
  readonly equal: number;
  /** The good side has the key, the live table has not. */
  readonly missing: number;
  readonly changed: number;
  /** The live table has the key, the good side has not. */
  readonly added: number;
}

/** The good side's rows of the keys that differ: `hashColumn`, and columns `match.both` under the live table's types. */
export const goodRows = "pg_temp.lifeboat_good";
/** The same rows in the set that was taken after the damage; there only with a `damaged` side. */
export const damagedRows = "pg_temp.lifeboat_damaged";
/**
 * `hash int8, kind text, many int8`: of the key of each row that is `missing`, `changed` or `added`; `many`, where rows are
 * multisets, is how many of them. With a key also where the row lies on both sides (`good tid`; `relation oid, place tid`), who wrote
 * the live one (`writer xid`), and in which of `match.both` a changed one differs (`differs bool[]`).
 */
export const differingKeys = "pg_temp.lifeboat_keys";
/** The live rows of these keys: `hashColumn`, all columns, and `tableoid`, `ctid` and `xmin` as the table has them. */
export const liveRows = "pg_temp.lifeboat_live";

/**
 * The transaction is READ ONLY from here on; it ends with the caller's ROLLBACK, which takes the tables along.
 *
 * A row's key hash is `hash(alias)`. Rows of one key are found by the hash, and told apart by `sameKey`.
 */
export interface Difference {
  readonly table: LiveTable;
  readonly good: Pick<GoodSide, "what">;
  readonly match: ColumnMatch;
  /** In the key's order; null where rows have none, or it is not unique: then a row is its own key, and rows are multisets. */
  readonly key: readonly string[] | null;
  /** Why `key` is null where the good side or the live table has one. */
  readonly keyless?: string;
  readonly counts: RowCounts;
  /** With a condition: rows of the live table that it holds for. */
  readonly chosen?: number;
  /** What stands behind FROM for the live rows: give it an alias. */
  readonly from: string;
  /** Key hash of a row of the live, good or damaged rows, as an expression. */
  hash(alias: string): string;
  /** Whether two rows have the very same key. */
  sameKey(one: string, other: string): string;
  /** Whether two rows are equal in all that is compared, as an expression that is never null. */
  sameRow(one: string, other: string): string;
  /** Whether two rows are equal in a column, as an expression that is never null. */
  sameCell(one: string, other: string, column: string): string;
}

export type Expressions = Pick<Difference, "from" | "hash" | "sameKey" | "sameRow" | "sameCell">;

/** The column of the temporary tables that holds the hash of a row's key: no column of the table has its name. */
export function hashColumn({ columns, generated }: Pick<LiveTable, "columns" | "generated">): string {
  const taken = new Set([...columns.map(({ name }) => name), ...generated]);
  let name = "lifeboat_hash";
  while (taken.has(name)) name = `${name}_`;
  return name;
}

/** Types of PostgreSQL's own whose equal values have one image, under any collation with one order for one text. */
const plainTypes = new Set([
  ...["smallint", "integer", "bigint", "oid", "boolean", "uuid", "date", "text", "character varying", "bytea"],
  ...["timestamp with time zone", "timestamp without time zone"],
]);
const textTypes = new Set(["text", "character varying"]);

/** The expressions of a difference. Pure. @param columns that are compared */
export function expressionsFor(
  table: LiveTable,
  key: readonly string[] | null,
  columns: readonly string[],
): Expressions {
  const known = new Map(table.columns.map((column) => [column.name, column]));
  const isDomain = (column: string) => known.get(column)?.type !== known.get(column)?.base;
  const cell = (alias: string, column: string): string => {
    const value = `${alias}.${quoteIdentifier(column)}`;
    return isDomain(column) ? `${value}::${known.get(column)?.base}` : value;
  };
  /** To build a row of two values costs ten times as much as to compare them. */
  const plainly = (one: string, other: string, column: string): string | undefined => {
    const type = known.get(column)?.base.replace(/\(\d+\)/, "") ?? "";
    if (!plainTypes.has(type)) return undefined;
    const collate = textTypes.has(type) ? ' collate pg_catalog."C"' : "";
    return `${cell(one, column)}${collate} is not distinct from ${cell(other, column)}${collate}`;
  };
  const same = (one: string, other: string, some: readonly string[]): string => {
    const plain = some.flatMap((column) => plainly(one, other, column) ?? []);
    const others = some.filter((column) => plainly(one, other, column) === undefined);
    const row = (alias: string) => `row(${others.map((column) => cell(alias, column)).join(", ")})`;
    const all = [...plain, ...(others.length === 0 ? [] : [equalRows(row(one), row(other))])];
    return all.length === 0 ? "true" : `(${all.join(" and ")})`;
  };
  const hash = quoteIdentifier(hashColumn(table));
  return {
    from: liveRows,
    hash: (alias) => `${alias}.${hash}`,
    sameKey: (one, other) => same(one, other, key ?? columns),
    sameRow: (one, other) => same(one, other, columns),
    sameCell: (one, other, column) => same(one, other, [column]),
  };
}
