import type { Environment } from "../config/environment.ts";
import type { Conclusion, Failure, OperationReport, RunFacts, RunReport } from "../report/run/run-report.ts";
import { jobName, runIdentity } from "./run-identity.ts";

/** How an action's work ended, before it is told to anybody. */
export interface Ending {
  readonly conclusion: Conclusion;
  readonly sentence: string;
  readonly facts: RunFacts;
  readonly failure: Failure | null;
  /** See `Outcome`; not in the report. */
  readonly unfinished?: boolean;
}

interface JobFacts {
  /** In reports. */
  readonly operation: string;
  readonly env: Environment;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly warnings: readonly string[];
}

/** The report of one job, as it goes to the channels and into the vault. Texts are cut to what the form allows. */
export function jobReport(ending: Ending, { operation, env, startedAt, endedAt, warnings }: JobFacts): RunReport {
  const times = { startedAt: startedAt.toISOString(), endedAt: endedAt.toISOString() };
  const { conclusion, sentence, facts, failure } = ending;
  const told: OperationReport = {
    operation,
    job: jobName(env),
    ...times,
    conclusion,
    sentence: cut(sentence, 2000),
    facts,
    warnings: [...new Set(warnings)].slice(0, 50).map((warning) => cut(warning, 1000)),
    failure:
      failure === null ? null : { ...failure, message: cut(failure.message, 2000), next: cut(failure.next, 2000) },
    untold: [],
  };
  return {
    format: "lifeboat-run/1",
    run: runIdentity(env),
    triggeredAt: times.startedAt,
    ...times,
    conclusion,
    operations: [told],
    source: "job",
  };
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
