import type { Client } from "pg";
import { describeCode, sqlState } from "../../../base/errors.ts";
import type { RestoreCheck } from "../../../config/policy/restore-test.ts";
import type { CheckOutcome } from "../../../vault/format/proof.ts";

/** The result of one check. `finding` tells counts, codes and names only; a value that was found never stands in it. */
export interface CheckResult {
  readonly name: string;
  readonly kind: RestoreCheck["kind"];
  readonly outcome: CheckOutcome;
  readonly finding: string;
  readonly seconds: number;
}

/** A check's own answer, before it is timed and named. */
export interface Answer {
  readonly outcome: CheckOutcome;
  readonly finding: string;
}

export const passed = (finding: string): Answer => ({ outcome: "passed", finding });
export const failed = (finding: string): Answer => ({ outcome: "failed", finding });
export const timedOut = (seconds: number): Answer => ({
  outcome: "timed-out",
  finding: `no answer within ${seconds} s`,
});
export const notRun = (why: string): Answer => ({ outcome: "not-run", finding: why });

/** SQLSTATE query_canceled: the statement's time was over. */
const cancelled = "57014";

/** For whom a query is run: a role, and the claims that PostgREST would set for a token (PostgREST, Authentication). */
export interface Caller {
  readonly role: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Runs work in a transaction that can write nothing and ends by itself, and turns what the server refuses into an answer.
 * The search path is what the project's API and its people have, not ours.
 */
export async function readOnly(client: Client, timeoutSeconds: number, work: () => Promise<Answer>): Promise<Answer> {
  await client.query("begin transaction read only");
  try {
    await client.query(
      "select set_config('statement_timeout', $1, true), set_config('search_path', 'public, extensions', true)",
      [String(Math.ceil(timeoutSeconds * 1000))],
    );
    return await work();
  } catch (error) {
    const state = sqlState(error);
    if (state === "none") throw error;
    return state === cancelled
      ? timedOut(timeoutSeconds)
      : failed(`the server refused: SQLSTATE ${describeCode(error)}`);
  } finally {
    await client.query("rollback");
  }
}

/** From here to the end of the transaction (or savepoint) the session is the caller. */
export async function become(client: Client, { role, claims }: Caller): Promise<void> {
  await client.query("select set_config('request.jwt.claims', $1, true)", [JSON.stringify(claims)]);
  await client.query("select set_config('request.jwt.claim.sub', $1, true)", [String(claims["sub"] ?? "")]);
  await client.query("select set_config('role', $1, true)", [role]);
}
