import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { noReport } from "./merge-reports.ts";
import type { Conclusion, OperationReport, RunIdentity, RunReport } from "./run-report.ts";

/** The context `needs` of the job that publishes, as GitHub gives it: every job before it, by its id. */
const needsSchema = z.record(
  z.string(),
  z.looseObject({ result: z.enum(["success", "failure", "cancelled", "skipped"]) }),
);
export type JobResults = z.infer<typeof needsSchema>;

/** @throws ConfigurationError `usage` */
export function readJobResults(text: string): JobResults {
  try {
    return needsSchema.parse(JSON.parse(text));
  } catch {
    throw new ConfigurationError(
      "usage",
      "The input jobs is not the context needs.",
      "Give it toJSON(needs) as it is.",
    );
  }
}

/**
 * What GitHub says about the jobs of the run that is at work, for those that could not speak for themselves: whose packages could
 * not be installed, whose runner was lost, who could not reach the vault. Jobs that were passed over by their condition say nothing.
 */
export function reportOfResults(
  run: RunIdentity,
  results: JobResults,
  { began, now, ofWorkflow }: { readonly began: Date; readonly now: Date; readonly ofWorkflow: OfWorkflow },
): RunReport {
  const times = { startedAt: began.toISOString(), endedAt: now.toISOString() };
  const operations = Object.entries(results).flatMap(([job, { result }]) =>
    result === "failure" || result === "cancelled" ? [standIn(ofWorkflow(run.workflow), job, result, times)] : [],
  );
  const ran = Object.values(results).some(({ result }) => result === "success");
  const conclusion: Conclusion = operations.some((one) => one.conclusion === "failure")
    ? "failure"
    : operations.length > 0
      ? "cancelled"
      : ran
        ? "success"
        : "skipped";
  return {
    format: "lifeboat-run/1",
    run,
    triggeredAt: times.startedAt,
    ...times,
    conclusion,
    operations,
    source: "actions",
  };
}

/** What a workflow does, by its file's name, and the page for when it failed; undefined for one that is not reported. */
export type OfWorkflow = (workflow: string) => Done | undefined;
interface Done {
  readonly operation: string;
  readonly runbook: string;
}

/** A workflow that no verb names. */
const unnamed: Done = { operation: "unknown", runbook: "runbooks/backup-failed.md" };

/** What stands in for a job's report until the job's own words are found. @param where e.g. the step it stopped at */
export function standIn(
  done: Done | undefined,
  job: string,
  conclusion: Exclude<Conclusion, "success" | "skipped">,
  times: { readonly startedAt: string; readonly endedAt: string },
  where = "",
): OperationReport {
  const { operation, runbook } = done ?? unnamed;
  const message = `Job ${job} ended${where} (${conclusion}) and left no report of it in the vault.`;
  const next = "The job's log says how far it came.";
  return {
    operation,
    job: job.slice(0, 100),
    ...times,
    conclusion,
    sentence: message,
    facts: {},
    warnings: [],
    failure: { code: noReport, message, next, runbook },
    untold: [],
  };
}
