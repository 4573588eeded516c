import { sqlState } from "../../../base/errors.ts";

/**
 * SQLSTATEs that are about a row that was to be written, so that another row may do: data, integrity, cardinality, a view's
 * option, what functions raise, and a function that a check cannot find. All others (a lock, a deadlock, memory, the disk, a right, a
 * cancel) end the attempt. The same in PL/pgSQL and here.
 */
export const ofRowPattern = "^(21|22|23|27|2F|38|39|44|P0|42883$|428C9$)";
const ofRow = new RegExp(ofRowPattern);

export function isOfRow(error: unknown): boolean {
  return ofRow.test(sqlState(error));
}

/** Why rows are refused, by SQLSTATE. */
const states: Readonly<Record<string, string>> = {
  "23505": "unique",
  "23P01": "exclusion",
  "23514": "check",
  "23502": "not-null",
};

/** E.g. `unique`; `value` for what a type does not take. */
export function refusedAs(sqlstate: string): string {
  return states[sqlstate] ?? (sqlstate.startsWith("22") ? "value" : "refused");
}
