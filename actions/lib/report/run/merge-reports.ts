import type { Conclusion, OperationReport, RunReport } from "./run-report.ts";

/** From the ending that counts most to the one that counts least. */
const weight: readonly Conclusion[] = ["failure", "timed-out", "lost", "cancelled", "success", "skipped"];

/** How a run ended by what its jobs did: the worst of them counts, and nothing to do only where all had nothing to do. */
export function worst(conclusions: readonly Conclusion[]): Conclusion | undefined {
  return weight.find((each) => conclusions.includes(each));
}

/** Whether people have to be told at once. */
export function isBad(conclusion: Conclusion): conclusion is Exclude<Conclusion, "success" | "skipped"> {
  return conclusion !== "success" && conclusion !== "skipped";
}

/** Code of what stands in for a job that left no report. */
export const noReport = "no-report";

/**
 * Two reports of the same attempt of the same run in one. What a job said itself replaces what was assumed about it; what is
 * known already stays, so that merging twice changes nothing.
 */
export function mergeReports(known: RunReport, more: RunReport): RunReport {
  const all = unique([...known.operations, ...more.operations]);
  const operations = all.filter((one) => !isStandIn(one) || !all.some((other) => speaksFor(other, one, all)));
  operations.sort((a, b) => compare(order(a), order(b)));
  const source = known.source === "job" || more.source === "job" ? "job" : "actions";
  // Once a job has spoken, its words count, but for what GitHub knows better: that something else went wrong.
  const told = worst(operations.map(({ conclusion }) => conclusion));
  return {
    ...known,
    triggeredAt: least(known.triggeredAt, more.triggeredAt),
    startedAt: least(known.startedAt, more.startedAt),
    endedAt: least(known.endedAt, more.endedAt) === known.endedAt ? more.endedAt : known.endedAt,
    conclusion: told ?? worst([known.conclusion, more.conclusion]) ?? known.conclusion,
    operations,
    source,
  };
}

/** One report for each attempt of each run. Publishing that went well is not told: the page itself shows it. */
export function mergeAll(reports: readonly RunReport[]): RunReport[] {
  const merged = new Map<string, RunReport>();
  for (const report of reports) {
    const operations = report.operations.filter((one) => one.operation !== "publish" || isBad(one.conclusion));
    if (operations.length === 0 && report.operations.length > 0) continue;
    const key = `${report.run.runId}/${report.run.attempt}`;
    const known = merged.get(key);
    const told = { ...report, operations };
    merged.set(key, known === undefined ? told : mergeReports(known, told));
  }
  return [...merged.values()];
}

function unique(operations: readonly OperationReport[]): OperationReport[] {
  return [...new Map(operations.map((one) => [order(one), one])).values()];
}

function order({ startedAt, job, operation, failure }: OperationReport): string {
  // A stand-in is the same whenever it was made.
  const when = failure?.code === noReport ? "" : startedAt;
  return `${when} ${job} ${operation}`;
}

function isStandIn({ failure }: OperationReport): boolean {
  return failure?.code === noReport;
}

/**
 * A job's own words about a bad end explain it; a good report of a job that ended badly does not. GitHub's API tells jobs by
 * another name than they know themselves: the only one of its operation is known by that.
 */
function speaksFor(other: OperationReport, standIn: OperationReport, all: readonly OperationReport[]): boolean {
  if (isStandIn(other) || !isBad(other.conclusion)) return false;
  const only = all.filter((one) => isStandIn(one) && one.operation === standIn.operation).length === 1;
  return other.job.split(".")[0] === standIn.job || (only && other.operation === standIn.operation);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function least(a: string, b: string): string {
  return Date.parse(a) <= Date.parse(b) ? a : b;
}

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
