import { clip } from "../base/measures.ts";
import { type Environment, optional } from "../config/environment.ts";
import type { News } from "../report/run/run-report.ts";
import {
  type Conclusion,
  type Failure,
  jobName,
  type OperationReport,
  type RunFacts,
  type RunIdentity,
  type RunReport,
} from "../report/run/run-report.ts";

import type { Head } from "../vault/audit/entry.ts";

/** How an action's work ended, before it is told to anybody. */
export interface Ending {
  readonly conclusion: Conclusion;
  readonly sentence: string;
  readonly facts: RunFacts;
  readonly failure: Failure | null;
  /** See `Outcome`; not in the report. */
  readonly unfinished?: boolean;
  readonly news?: News | undefined;
}

interface JobFacts {
  /** In reports. */
  readonly operation: string;
  readonly env: Environment;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly warnings: readonly string[];
  /** The end of the audit trail after this run; undefined: it has left no entry there. */
  readonly audit?: Head | undefined;
}

/** The report of one job, as it goes to the channels and into the vault. Texts are cut to what the form allows. */
export function jobReport(
  ending: Ending,
  { operation, env, startedAt, endedAt, warnings, audit }: JobFacts,
): RunReport {
  const times = { startedAt: startedAt.toISOString(), endedAt: endedAt.toISOString() };
  const { conclusion, sentence, facts, failure } = ending;
  const told: OperationReport = {
    operation,
    job: jobName(env),
    ...times,
    conclusion,
    sentence: clip(sentence, 2000),
    facts:
      audit === undefined || audit.sha256 === null ? facts : { ...facts, audit: { ...audit, sha256: audit.sha256 } },
    warnings: [...new Set(warnings)].slice(0, 50).map((warning) => clip(warning, 1000)),
    failure:
      failure === null ? null : { ...failure, message: clip(failure.message, 2000), next: clip(failure.next, 2000) },
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

/** Of a run that GitHub does not number: when this process began, and its own number. */
const byHand = `local-${new Date(performance.timeOrigin).toISOString().replaceAll(/[-:]|\.\d+/g, "")}-${process.pid}`;

/** Which run this is, by the variables that every job of GitHub Actions has; a name of its own elsewhere. */
export function runIdentity(env: Environment): RunIdentity {
  const runId = optional(env, "GITHUB_RUN_ID");
  const server = optional(env, "GITHUB_SERVER_URL");
  const repository = optional(env, "GITHUB_REPOSITORY");
  const attempt = Number(optional(env, "GITHUB_RUN_ATTEMPT") ?? "1");
  const url = `${server}/${repository}/actions/runs/${runId}`;
  return {
    workflow: optional(env, "GITHUB_WORKFLOW") ?? "by-hand",
    runId: runId !== undefined && /^[\w.-]{1,60}$/.test(runId) ? runId : byHand,
    attempt: Number.isInteger(attempt) && attempt > 0 ? attempt : 1,
    url: runId !== undefined && server !== undefined && repository !== undefined && URL.canParse(url) ? url : null,
    event: optional(env, "GITHUB_EVENT_NAME") ?? "by-hand",
  };
}
