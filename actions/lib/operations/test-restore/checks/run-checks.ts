import type { Client } from "pg";
import { describeCode } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import type { RestoreCheck } from "../../../config/policy/restore-test.ts";
import { type Answer, type CheckResult, failed, timedOut } from "./check-result.ts";
import { runCommandCheck } from "./command-check.ts";
import { type HttpPlace, runHttpCheck } from "./http-check.ts";
import { runRlsCheck } from "./rls-check.ts";
import { runSqlCheck } from "./sql-check.ts";

export interface CheckRun {
  readonly checks: readonly RestoreCheck[];
  /** A new session at the restored database; each check that asks it has its own. */
  readonly connect: () => Promise<Client>;
  readonly http: HttpPlace;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/** How long after the server's own limit a check is given up, when the server does not say that it is over. */
const graceSeconds = 10;

/** Runs the policy's checks one after the other; each ends with an outcome, whatever happens in it. */
export async function runChecks(run: CheckRun): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of run.checks) {
    run.signal?.throwIfAborted();
    const begun = performance.now();
    const { outcome, finding } = await answerOf(check, run);
    const seconds = Math.round(performance.now() - begun) / 1000;
    run.signal?.throwIfAborted();
    const line = `${outcome}: ${check.name}: ${finding}`;
    if (outcome === "passed") run.log.info(line);
    else run.log.warn(line);
    results.push({ name: check.name, kind: check.kind, outcome, finding, seconds });
  }
  return results;
}

function answerOf(check: RestoreCheck, run: CheckRun): Promise<Answer> {
  switch (check.kind) {
    case "sql":
      return asked(run, check.timeoutSeconds, (client) => runSqlCheck(client, check));
    case "rls":
      // Three callers, each with the whole time.
      return asked(run, check.timeoutSeconds * 4, (client) => runRlsCheck(client, check));
    case "http":
      return runHttpCheck(check, run.http);
    case "command":
      return runCommandCheck(check, run.http.env, run.signal);
  }
}

/** A session of its own for one check: one that hangs or breaks takes no other with it. */
async function asked(run: CheckRun, limit: number, work: (client: Client) => Promise<Answer>): Promise<Answer> {
  const client = await run.connect();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer>((resolve) => {
    timer = setTimeout(() => resolve(timedOut(limit)), (limit + graceSeconds) * 1000);
  });
  try {
    return await Promise.race([work(client), late]);
  } catch (error) {
    return failed(`the session ended: ${describeCode(error)}`);
  } finally {
    clearTimeout(timer);
    await client.end().catch(() => undefined);
  }
}
