import { Interrupted, untilInterrupted } from "../base/flow/stages.ts";
import type { Log } from "../base/log.ts";
import type { Environment } from "../config/environment.ts";
import { loadOperations, namesOf } from "../operations/catalogue.ts";
import { type Operation, pageOf, reportName, type Told } from "../operations/operation.ts";
import type { Head } from "../vault/audit/entry.ts";
import { afterRun, beforeRun } from "./around-run.ts";
import { interruptionOf, reportError } from "./error-report.ts";
import { type Ending, jobReport } from "./job-report.ts";

/** Where a verb names no page of its own. */
const unspecific = "runbooks/backup-failed.md";

/** One run of an operation, by a schedule or by hand: both leave the same report, alert and heartbeat. */
interface ReportedRun {
  readonly operation: Operation;
  readonly env: Environment;
  readonly log: Log;
  /** Aborted when the job is cancelled or a person presses Ctrl-C. */
  readonly signal: AbortSignal;
  /** May throw: then the work does as well, and says what is wrong with them. */
  inputs(): Readonly<Record<string, unknown>>;
  /** @param anchored told the end of the audit trail, for the report */
  work(log: Log, anchored: (head: Head) => void): Promise<Told>;
  /** Called before anybody else is told: a cancelled job has seven seconds. */
  ended?(ended: Ended): Promise<void>;
}

/** How it ended: with a result, or with what was thrown. */
export type Ended = { readonly ending: Ending } & (
  | { readonly result: Told }
  | { readonly result?: never; readonly thrown: unknown }
);

/** Does the work and tells of it: done, nothing to do, failed, cancelled. Throws nothing of the work's. */
export async function reportedRun(run: ReportedRun): Promise<Ended> {
  const { operation, env, signal } = run;
  const startedAt = new Date();
  const warnings: string[] = [];
  const log = noting(run.log, warnings);
  const names = namesOf(await loadOperations());
  const around = { env, log, names, aside: asideOf(run) };
  const begun = beforeRun(reportName(operation), around);
  let audit: Head | undefined;
  const ended = await endOf(run, log, (head) => {
    audit = head;
  });
  await run.ended?.(ended);
  const report = jobReport(ended.ending, {
    operation: reportName(operation),
    env,
    startedAt,
    endedAt: new Date(),
    warnings,
    audit,
  });
  await begun;
  const { unfinished, news } = ended.ending;
  await afterRun(report, { ...around, hurry: signal.aborted, unfinished: unfinished === true, news });
  return ended;
}

function asideOf({ operation, inputs }: ReportedRun): string | undefined {
  try {
    const read = inputs();
    // That a rehearsal went well says nothing of the work.
    return read["dryRun"] === true ? "rehearsal" : operation.reported?.aside?.(read);
  } catch {
    return undefined;
  }
}

/** Inputs that cannot be read have the verb's own page. */
function runbookOf({ operation, inputs }: ReportedRun): string {
  const own = operation.runbook ?? unspecific;
  try {
    return operation.runbookFor?.(inputs()) ?? own;
  } catch {
    return own;
  }
}

async function endOf(run: ReportedRun, log: Log, anchored: (head: Head) => void): Promise<Ended> {
  const { operation, work, signal } = run;
  const runbook = runbookOf(run);
  try {
    const result = await untilInterrupted(signal, work(log, anchored));
    const { facts = {}, skipped, unfinished = false, news, failure } = result;
    const ending: Ending = {
      conclusion: failure !== undefined ? "failure" : skipped === true ? "skipped" : "success",
      ...{ sentence: pageOf(operation, result).sentence, facts, unfinished, news },
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
