import { Interrupted, untilInterrupted } from "../base/flow/stages.ts";
import type { Log } from "../base/log.ts";
import type { Environment } from "../config/environment.ts";
import type { ActionResult } from "../report/run/action-result.ts";
import type { Operation } from "../report/run/run-report.ts";
import { afterRun, beforeRun } from "./around-run.ts";
import { reportError } from "./error-report.ts";
import { interruptionOf } from "./interruption.ts";
import { type Ending, jobReport } from "./job-report.ts";

/** One run of an operation, by a schedule or by hand: both leave the same report, alert and heartbeat. */
export interface ReportedRun<Result> {
  readonly operation: Operation;
  /** Page below the repository's root for when it fails. */
  readonly runbook: string;
  readonly env: Environment;
  readonly log: Log;
  /** Aborted when the job is cancelled or a person presses Ctrl-C. */
  readonly signal: AbortSignal;
  work(log: Log): Promise<Result>;
  /** What reports say of a result. */
  told(result: Result): Pick<ActionResult, "page" | "facts" | "skipped" | "unfinished" | "failure">;
  /** Called before anybody else is told: a cancelled job has seven seconds. */
  ended?(ended: Ended<Result>): Promise<void>;
}

/** How it ended: with a result, or with what was thrown. */
export type Ended<Result> = { readonly ending: Ending } & (
  | { readonly result: Result }
  | { readonly result?: never; readonly thrown: unknown }
);

/** Does the work and tells of it: done, nothing to do, failed, cancelled. Throws nothing of the work's. */
export async function reportedRun<Result>(run: ReportedRun<Result>): Promise<Ended<Result>> {
  const { operation, env, signal } = run;
  const startedAt = new Date();
  const warnings: string[] = [];
  const log = noting(run.log, warnings);
  const begun = beforeRun(operation, { env, log, hurry: false });
  const ended = await endOf(run, log);
  await run.ended?.(ended);
  const report = jobReport(ended.ending, { operation, env, startedAt, endedAt: new Date(), warnings });
  await begun;
  await afterRun(report, { env, log, hurry: signal.aborted, unfinished: ended.ending.unfinished === true });
  return ended;
}

async function endOf<Result>(run: ReportedRun<Result>, log: Log): Promise<Ended<Result>> {
  const { operation, work, told, signal, runbook } = run;
  try {
    const result = await untilInterrupted(signal, work(log));
    const { page, facts, skipped, unfinished = false, failure } = told(result);
    const ending: Ending = {
      conclusion: failure !== undefined ? "failure" : skipped === true ? "skipped" : "success",
      ...{ sentence: page.sentence, facts, unfinished },
      failure: failure === undefined ? null : { ...failure, runbook },
    };
    return { ending, result };
  } catch (thrown) {
    const cancelled = thrown instanceof Interrupted;
    const { message, next, code } = cancelled ? interruptionOf(operation) : reportError(thrown);
    const failure = { code, message, next, runbook };
    return {
      ending: { conclusion: cancelled ? "cancelled" : "failure", sentence: message, facts: {}, failure },
      thrown,
    };
  }
}

/** The same log, and every warning kept for the report. */
function noting(log: Log, warnings: string[]): Log {
  return {
    ...log,
    warn(line) {
      warnings.push(line);
      log.warn(line);
    },
  };
}
