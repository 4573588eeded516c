import type { Client } from "pg";
import { z } from "zod";
import { sqlState } from "../../../base/errors.ts";
import { countOf } from "../../../base/measures.ts";
import type { RlsCheck, SqlCheck } from "../../../config/policy/restore-test.ts";
import { type Answer, become, type Caller, failed, passed, readOnly } from "./check.ts";

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

/** Hashes of the rows that somebody sees. Kept for the comparison only. */
export type Seen = ReadonlySet<string>;

const denied = "42501";

/**
 * Asks the same query as a visitor without a token, as one person and as another, and checks whether row level security
 * still keeps them apart.
 */
export function runRlsCheck(client: Client, check: RlsCheck): Promise<Answer> {
  return readOnly(client, check.timeoutSeconds, async () => {
    const people = await choosePeople(client, check.people);
    const [one, other] = people;
    if (one === undefined || other === undefined) {
      return failed(`it takes two different people, and the query for them gave ${people.length}`);
    }
    const person = (sub: string): Caller => ({
      role: "authenticated",
      claims: { ...check.claims, sub, role: "authenticated" },
    });
    const anon = await see(client, check.query, { role: "anon", claims: { role: "anon" } });
    const first = await see(client, check.query, person(one));
    const second = await see(client, check.query, person(other));
    return judgeRls(check.expect, { anon, first, second });
  });
}

async function choosePeople(client: Client, query: string): Promise<string[]> {
  const { rows } = await client.query<unknown[]>({ text: query, rowMode: "array" });
  return [...new Set(rows.map(([id]) => String(id)))].slice(0, 2);
}

/** What a caller may not even ask is what he does not see. */
async function see(client: Client, query: string, caller: Caller): Promise<Seen> {
  await client.query("savepoint lifeboat_caller");
  try {
    await become(client, caller);
    const { rows } = await client.query(
      `select encode(sha256(convert_to(q::text, 'UTF8')), 'hex') as hash from (${query.replace(/;\s*$/, "")}) q`,
    );
    return new Set(
      z
        .array(z.object({ hash: z.string() }))
        .parse(rows)
        .map(({ hash }) => hash),
    );
  } catch (error) {
    if (sqlState(error) !== denied) throw error;
    return new Set();
  } finally {
    await client.query("rollback to savepoint lifeboat_caller");
  }
}

/** Pure. Findings are counts. */
export function judgeRls(
  expect: RlsCheck["expect"],
  { anon, first, second }: { readonly anon: Seen; readonly first: Seen; readonly second: Seen },
): Answer {
  const shared = [...first].filter((hash) => second.has(hash)).length;
  const counts = `one person sees ${countOf(first.size, "row")}, another ${second.size}, both ${shared}, a visitor ${anon.size}`;
  const wrong: string[] = [];
  if (expect.each === "some" && (first.size === 0 || second.size === 0)) wrong.push("each should see something");
  if (expect.each === "none" && first.size + second.size > 0) wrong.push("neither should see anything");
  if (expect.between === "disjoint" && shared > 0) wrong.push("they should not see each other's rows");
  if (expect.between === "same" && (shared !== first.size || shared !== second.size)) {
    wrong.push("both should see the same rows");
  }
  if (expect.anon === "none" && anon.size > 0) wrong.push("a visitor should see nothing");
  if (expect.anon === "some" && anon.size === 0) wrong.push("a visitor should see something");
  return wrong.length === 0 ? passed(counts) : failed(`${wrong.join("; ")}: ${counts}`);
}
