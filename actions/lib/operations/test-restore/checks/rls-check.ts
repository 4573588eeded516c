import type { Client } from "pg";
import { z } from "zod";
import { sqlState } from "../../../base/errors.ts";
import { countOf } from "../../../base/measures.ts";
import type { RlsCheck } from "../../../config/policy/restore-test.ts";
import { type Answer, failed, passed } from "./check-result.ts";
import { become, type Caller, readOnly } from "./read-only.ts";

/** Hashes of the rows that somebody sees. Kept for the comparison only. */
export type Seen = ReadonlySet<string>;

const denied = "42501";

/**
 * Asks the same query as a visitor without a token, as one person and as another, and looks whether row level security
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
