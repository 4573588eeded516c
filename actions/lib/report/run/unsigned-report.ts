import { isBad } from "./merge-reports.ts";
import type { OperationReport, RunReport } from "./run-report.ts";

const runbook = "runbooks/report-missing.md";

/**
 * What is left of a report that no trusted key signed. Anybody who can write the bucket can have made it, so it may only make
 * things look worse: failures stay, in our own words and without what they measured; successes go. That a job succeeded is
 * told by GitHub as well. Pure.
 *
 * @returns undefined when nothing is left
 */
export function hintOf(report: RunReport): RunReport | undefined {
  const operations = report.operations.filter(({ conclusion }) => isBad(conclusion)).map(inOurWords);
  if (operations.length === 0) return undefined;
  return { ...report, run: { ...report.run, url: null }, operations };
}

function inOurWords(told: OperationReport): OperationReport {
  const message = "The job left a report that no trusted key signed; its words are not repeated here.";
  return {
    ...told,
    sentence: message,
    facts: {},
    warnings: [],
    failure: {
      code: told.failure?.code ?? "unsigned-report",
      message,
      next: "Read the run's log on GitHub; a job signs its report when its environment has the key that it works with.",
      runbook,
    },
    untold: [],
  };
}
