import { ConfigurationError } from "../../../base/errors.ts";

/** Transactions from `first` to `last`, by the 32-bit numbers that rows bear as `xmin`. */
export interface TransactionRange {
  readonly first: number;
  readonly last: number;
}

/** Which of the rows that differ are put back, and which of their cells. */
export interface Selection {
  /** SQL for rows of the table, already checked; one that holds on either side is enough. */
  readonly where: string | undefined;
  /** Rows named one by one: temporary table and its columns. */
  readonly keys: NamedRows | undefined;
  /** Ascending. Empty: whoever wrote them. */
  readonly transactions: readonly TransactionRange[];
  /** Rows that are gone are chosen too where transactions are named, and alone where none is. */
  readonly missing: boolean;
  /**
   * Rows that the good side lacks are taken away: asked for in so many words, since an UPDATE of everything leaves its mark on rows
   * that people have added since the set, too.
   */
  readonly added: boolean;
  /** Undefined: every column that differs. */
  readonly columns: readonly string[] | undefined;
  /** Asked for in so many words: all rows, whoever wrote them. */
  readonly allRows: boolean;
}

export interface NamedRows {
  /** As it stands behind FROM. */
  readonly table: string;
  readonly columns: readonly string[];
}

/** A row bears half of the number that a transaction has; 0 to 2 are nobody's. */
const most = 2 ** 32 - 1;
const first = 3;

/**
 * Reads `734`, `734,740`, `734..740` and what is put together of them.
 * @throws ConfigurationError `usage`
 */
export function parseTransactions(text: string): TransactionRange[] {
  const ranges = text.split(",").map((part) => {
    const found = /^\s*(\d{1,20})(?:\.\.(\d{1,20}))?\s*$/.exec(part);
    const [from, to] = [found?.[1], found?.[2] ?? found?.[1]].map((digits) => BigInt(digits ?? "0") % 2n ** 32n);
    const range = { first: Number(from), last: Number(to) };
    if (found !== null && range.first >= first && range.last >= range.first && range.last <= most) return range;
    throw new ConfigurationError(
      "usage",
      `${part.trim()} names no transaction.`,
      "Give numbers as `lifeboat compare` shows them: --transaction 734, --transaction 734,740..745.",
    );
  });
  return ranges.toSorted((a, b) => a.first - b.first);
}

/** Whether the row was written by one of them, as SQL. @param xmin of the row, as an expression */
export function writtenBy(ranges: readonly TransactionRange[], xmin: string): string {
  const some = ranges.map(({ first, last }) => `${xmin}::text::int8 between ${first} and ${last}`);
  return `(${some.join(" or ")})`;
}

/**
 * Whether the row was written by a transaction that has begun after the first of them, as SQL. Numbers come round: whatever lies less
 * than half of them ahead is later. Rows that bear nobody's number are old.
 */
export function writtenLater(ranges: readonly TransactionRange[], xmin: string): string {
  const from = ranges[0]?.first ?? 0;
  const number = `${xmin}::text::int8`;
  return `(${number} >= ${first} and (${number} - ${from} + 4294967296) % 4294967296 < 2147483648)`;
}

/** What was chosen, for people. @param name of the table, as they wrote it */
export function selectionInWords(
  name: string,
  { transactions, columns, missing, added, allRows, where, keys }: Selection,
  damaged: string | undefined,
): string {
  const numbers = transactions.map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`));
  return [
    `table ${name}`,
    ...(numbers.length > 0 ? [`written by transaction ${numbers.join(", ")}`] : []),
    ...(missing ? ["rows that are gone"] : []),
    ...(added ? ["rows that were added, which go"] : []),
    ...(where === undefined ? [] : [`where ${where}`]),
    ...(keys === undefined ? [] : [`rows named by ${keys.columns.join(", ")}`]),
    ...(columns === undefined ? [] : [`columns ${columns.join(", ")}`]),
    ...(allRows ? ["all rows"] : []),
    ...(damaged === undefined ? [] : [`cells that are as in set ${damaged}`]),
  ].join("; ");
}
