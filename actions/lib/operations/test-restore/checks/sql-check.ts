import type { Client } from "pg";
import { countOf } from "../../../base/measures.ts";
import type { SqlCheck } from "../../../config/policy/restore-test.ts";
import { type Answer, failed, passed } from "./check-result.ts";
import { readOnly } from "./read-only.ts";

/** As much as is fetched of a query whose rows are counted by us. */
const cursorRows = 10_000;

/** Runs an assertion as the role that restores, read-only. */
export function runSqlCheck(client: Client, check: SqlCheck): Promise<Answer> {
  return readOnly(client, check.timeoutSeconds, async () => {
    if ("rows" in check.expect) return judgeRows(await countRows(client, check.query), check.expect.rows);
    return judgeValue(await onlyValue(client, check.query), check.expect);
  });
}

async function countRows(client: Client, query: string): Promise<number> {
  await client.query(`declare lifeboat_check no scroll cursor for ${query}`);
  for (let rows = 0; ; ) {
    const moved = await client.query(`move forward ${cursorRows} in lifeboat_check`);
    rows += moved.rowCount ?? 0;
    if ((moved.rowCount ?? 0) < cursorRows) return rows;
  }
}

/** Text of the only column of the only row; null is NULL; undefined when there is not exactly one row. */
async function onlyValue(client: Client, query: string): Promise<string | null | undefined> {
  await client.query(`declare lifeboat_check no scroll cursor for ${query}`);
  const { rows } = await client.query<unknown[]>({
    text: "fetch 2 from lifeboat_check",
    rowMode: "array",
    // As Postgres prints it, whatever the type.
    types: { getTypeParser: () => (text: string) => text },
  });
  if (rows.length !== 1) return undefined;
  const value = rows[0]?.[0];
  return value === null || value === undefined ? null : String(value);
}

type Expected = Exclude<SqlCheck["expect"], { rows: unknown }>;

/** Pure. */
export function judgeValue(found: string | null | undefined, expected: Expected): Answer {
  if (found === undefined) return failed("the query gave not exactly one row");
  if ("value" in expected) {
    const { value } = expected;
    return asPrinted(value).includes(found) ? passed("the value is the expected one") : failed("another value");
  }
  if ("matches" in expected) {
    const fits = found !== null && new RegExp(expected.matches, "u").test(found);
    return fits ? passed("the value fits the pattern") : failed("the value does not fit the pattern");
  }
  const number = found === null ? Number.NaN : Number(found);
  if (Number.isNaN(number)) return failed("the value is no number");
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = expected;
  if (number < min) return failed(`the value is below ${min}`);
  return number > max ? failed(`the value is above ${max}`) : passed("the value is within its bounds");
}

/** A boolean is printed as `t` or `f`, and as a word when the query casts it to text. */
function asPrinted(value: string | number | boolean | null): (string | null)[] {
  if (value === null) return [null];
  return typeof value === "boolean" ? [value ? "t" : "f", String(value)] : [String(value)];
}

/** Pure. */
export function judgeRows(
  found: number,
  expected: number | { min?: number | undefined; max?: number | undefined },
): Answer {
  const { min = 0, max = Number.POSITIVE_INFINITY } =
    typeof expected === "number" ? { min: expected, max: expected } : expected;
  const finding = countOf(found, "row");
  return found >= min && found <= max ? passed(finding) : failed(`${finding}, which is not what is expected`);
}
