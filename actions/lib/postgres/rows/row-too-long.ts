import { OperationError } from "../../base/errors.ts";
import { tableName } from "../identifier.ts";

/**
 * What planning a query may bring although the rows can be read: the planner looks into the SQL functions of a table's
 * indexes and statistics (relcache.c, RelationGetIndexPredicate; util/clauses.c, inline_function), and runs those that are
 * immutable. They may call others by a search path that is not ours, or be broken. COPY of a table is not planned.
 */
const plannings = /^(?:0A|22|2F|38|39|3F|42(?!501)|P0)/;

export const unplanned = {
  is: (state: string): boolean => plannings.test(state),
  of: (table: { readonly schema: string; readonly name: string }, said: string): OperationError =>
    new OperationError(
      "table-unplanned",
      `No query on ${tableName(table)} could be planned (${said}).`,
      "Look at the functions that its indexes and statistics use: each needs SET search_path, or to name others with their schema.",
    ),
};

/** A text or a row in text form may have 1 GB at most (memutils.h, MaxAllocSize; 54000 program_limit_exceeded). */
export const rowTooLong = {
  state: "54000",
  of: (table: { readonly schema: string; readonly name: string }): OperationError =>
    new OperationError(
      "row-too-long",
      `A row of ${tableName(table)} is too long to be written as text: PostgreSQL writes at most 1 GB at a time.`,
      `Look for it with: select ctid, octet_length(<column>) from ${tableName(table)} order by 2 desc limit 3. Keep values of that size as files.`,
    ),
};
