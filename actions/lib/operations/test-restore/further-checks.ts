import type { Client } from "pg";
import { describeCode } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Environment } from "../../config/environment.ts";
import type { RestoreCheck, RestoreTestPolicy } from "../../config/policy/restore-test.ts";
import type { Proof } from "../../vault/format/proof.ts";
import { attempt } from "../target/sessions.ts";
import type { ProvenTarget } from "../target/target.ts";
import { type Answer, type CheckResult, failed, timedOut } from "./checks/check.ts";
import { runRlsCheck, runSqlCheck } from "./checks/database-checks.ts";
import { type HttpPlace, runCommandCheck, runHttpCheck } from "./checks/outside-checks.ts";
import { type SelfTestResult, testTheTest } from "./defect/self-test.ts";
import { compareFiles, type FilesComparison, type FilesTask } from "./files-against-rows.ts";
import { type Compared, comparePerformance, measureSize, type SizeReport } from "./performance/compare.ts";
import { measureQueries } from "./performance/measure.ts";

export interface FurtherTask {
  readonly policy: RestoreTestPolicy;
  readonly env: Environment;
  /** Variable that holds the staging API's address. */
  readonly apiVariable: string;
  readonly projectRef: string;
  /** `pg_database_size` at the source, from the manifest. */
  readonly sourceBytes: string;
  /** Oldest first. */
  readonly earlier: readonly Proof[];
  readonly seed: string;
  /** The copy stays, so the planted defect must not. */
  readonly keep: boolean;
  /** For the snapshot of the files that goes with the set. */
  readonly files: Pick<FilesTask, "moment" | "trusted" | "prover">;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/** What was found beyond the comparison. */
export interface FurtherFindings {
  readonly files: FilesComparison | null;
  readonly checks: readonly CheckResult[];
  readonly performance: readonly Compared[];
  readonly size: SizeReport;
  readonly defect: SelfTestResult;
}

/** The application's checks, its speed, and the test of the test, in a copy that was just proven. */
export async function runFurtherChecks(target: ProvenTarget, look: FurtherTask): Promise<FurtherFindings> {
  const { policy, env, log, signal, seed } = look;
  const { stages, connect } = target;
  const client = await connect();
  try {
    // A dump carries no statistics: without them the planner would know nothing, here as after a real recovery.
    await stages.run("statistics", () => attempt(client, "analyze"));
    const files = await stages.run("files against rows", () => compareFiles(client, { ...look.files, env, log }));
    const checks = await stages.run("application checks", () =>
      runChecks({ checks: policy.checks, connect, http: { variable: look.apiVariable, env }, log, signal }),
    );
    const { performance, size } = await stages.run("performance", async () => ({
      performance: comparePerformance(
        await measureQueries(client, policy.performance, log),
        look.earlier,
        { projectRef: look.projectRef, serverVersion: target.facts.inventory.serverVersion },
        policy.performance,
      ),
      size: await measureSize(client, target.source, look.sourceBytes),
    }));
    const defect = await stages.run("planted defect", () => testTheTest(target, { seed, repair: look.keep, log }));
    return { files, checks, performance, size, defect };
  } finally {
    await client.end().catch(() => undefined);
  }
}

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
