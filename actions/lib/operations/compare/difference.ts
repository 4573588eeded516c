/**
 * What differs between the good side of one table and the live one, put where SQL can reach it: in temporary tables of the
 * session that reads the live table, inside its one transaction. Everything that is asked of it afterwards (counts, groups,
 * samples, a plan) is SQL in that session and sees one moment of the live table.
 */

export interface LiveColumn {
  readonly name: string;
  /** As `format_type` spells it, with its modifier: `numeric(10,2)`. */
  readonly type: string;
  readonly notNull: boolean;
}

/** A table of the target as people see it: a partitioned one is one table, an inherited one is without its children. */
export interface LiveTable {
  readonly schema: string;
  readonly name: string;
  readonly oid: string;
  readonly partitioned: boolean;
  /** Stored, not generated columns in attribute order. */
  readonly columns: readonly LiveColumn[];
  readonly generated: readonly string[];
}

/** How columns of the good side and of the live table lie to each other. */
export interface ColumnMatch {
  /** What is compared: columns that both have, in the live table's order. */
  readonly both: readonly string[];
  /** The live table alone has them. */
  readonly came: readonly string[];
  /** The good side alone has them. */
  readonly went: readonly string[];
  /** Both have them, with another type; they are compared in the live table's, or left out where a value does not fit. */
  readonly retyped: readonly {
    readonly name: string;
    readonly was: string;
    readonly is: string;
    readonly compared: boolean;
  }[];
}

/** Rows; exact, from the temporary tables. */
export interface RowCounts {
  readonly equal: number;
  /** The good side has the key, the live table has not. */
  readonly missing: number;
  readonly changed: number;
  /** The live table has the key, the good side has not. */
  readonly added: number;
}

/** Columns of the tables: those of `match.both`, under the live table's types, without constraints. */
export const goodRows = "pg_temp.lifeboat_good";
/** The same rows in the set that was taken after the damage; there only with a `damaged` side. */
export const damagedRows = "pg_temp.lifeboat_damaged";
/** `hash int8 primary key`: of the key of each row that is missing, added or changed. */
export const differingKeys = "pg_temp.lifeboat_keys";

/**
 * The transaction is READ ONLY from here on; it ends with the caller's ROLLBACK, which takes the tables along.
 *
 * A row's key hash is `hash(alias)`; equal cells are equal in their binary image (`*=`). Rows of one key are found by the
 * hash, and told apart by `sameKey`: two keys may share one.
 */
export interface Difference {
  readonly table: LiveTable;
  readonly match: ColumnMatch;
  /** In the key's order; null where rows have none, or it is not unique: then a row is its own key, and rows are multisets. */
  readonly key: readonly string[] | null;
  /** Why `key` is null where the good side or the live table has one. */
  readonly keyless?: string;
  readonly counts: RowCounts;
  /** What stands behind FROM for the live table, with ONLY where it belongs: give it an alias. */
  readonly from: string;
  /** Key hash of a row of the live table or of the good rows, as an expression. */
  hash(alias: string): string;
  /** Whether two rows have the very same key. */
  sameKey(one: string, other: string): string;
  /** Whether two rows are equal in a column, as an expression that is never null. */
  sameCell(one: string, other: string, column: string): string;
}
