import { markdownLink } from "../../base/escaping.ts";
import { formatBytes, formatCount, formatDuration, formatMinute } from "../../base/measures.ts";
import { type Page, renderMarkdown } from "../page.ts";
import type { Conclusion, OperationReport, RunFacts, RunReport } from "./run-report.ts";

const words: Readonly<Record<Conclusion, string>> = {
  success: "done",
  skipped: "nothing to do",
  failure: "FAILED",
  cancelled: "cancelled",
  "timed-out": "timed out",
  lost: "lost",
};

/** One word or two for how something ended. */
export function conclusionWord(conclusion: Conclusion): string {
  return words[conclusion];
}

/** The page of one run, in Markdown. */
export function renderRun(report: RunReport): string {
  const { run, triggeredAt, startedAt, endedAt, conclusion, operations, source } = report;
  const took = Date.parse(endedAt) - Date.parse(startedAt);
  const waited = Date.parse(startedAt) - Date.parse(triggeredAt);
  const page: Page = {
    title: `${run.workflow}: ${conclusionWord(conclusion)}`,
    sentence:
      `Run ${run.runId}, attempt ${run.attempt}, by ${run.event}: asked for at ${formatMinute(triggeredAt)}, begun ` +
      `${waited < 1000 ? "at once" : `after ${formatDuration(waited)}`}, ended after ${formatDuration(took)}.` +
      `${source === "actions" ? " It left no report of its own: this is what GitHub says." : ""}`,
    tables: [],
  };
  const log = run.url === null ? "" : `\n${markdownLink("The run's log", run.url)}\n`;
  return [renderMarkdown(page), log, ...operations.map(renderOperation)].join("\n").replaceAll(/\n{3,}/g, "\n\n");
}

function renderOperation(told: OperationReport): string {
  const { operation, job, sentence, conclusion, facts, failure, warnings, untold } = told;
  const next = failure === null ? [] : [failure.next, `error ${failure.code}; what to read: ${failure.runbook}`];
  const page: Page = {
    title: `${operation} (job ${job}): ${conclusionWord(conclusion)}`,
    sentence,
    tables: [
      { header: ["what", "how much"], rows: factRows(facts) },
      {
        title: "Time",
        header: ["stage", "took"],
        rows: (facts.stages ?? []).map(({ name, seconds }) => [name, formatDuration(seconds * 1000)]),
      },
    ],
    notes: [
      ...next,
      ...warnings.map((warning) => `warning: ${warning}`),
      ...untold.map((channel) => `could not be told: ${channel}`),
    ],
  };
  return renderMarkdown(page)
    .replace(/^## /, "### ")
    .replaceAll(/^### Time$/gm, "#### Time");
}

/** Facts as rows for people; what does not apply is left out. */
function factRows(facts: RunFacts): [what: string, amount: string][] {
  const { set, tier, snapshotAt, plainBytes, storedBytes, tables, rows, files, restoreSeconds } = facts;
  const { outcome, proof, differences } = facts;
  const row = (what: string, amount: string | undefined): [string, string][] =>
    amount === undefined ? [] : [[what, amount]];
  return [
    ...row("set", set),
    ...row("tier", tier),
    ...row("data as of", snapshotAt),
    ...row("outcome", outcome),
    ...row("plain", plainBytes === undefined ? undefined : formatBytes(plainBytes)),
    ...row("stored", storedBytes === undefined ? undefined : formatBytes(storedBytes)),
    ...row("tables", tables === undefined ? undefined : formatCount(tables)),
    ...row("rows", rows === undefined ? undefined : formatCount(rows)),
    ...row("files", files === undefined ? undefined : `${formatCount(files.count)}, ${formatBytes(files.bytes)}`),
    ...row(
      "moved files",
      files?.moved === undefined ? undefined : `${formatCount(files.moved)}, ${formatBytes(files.movedBytes ?? 0)}`,
    ),
    ...row("restored in", restoreSeconds === undefined ? undefined : formatDuration(restoreSeconds * 1000)),
    ...row(
      "differences",
      differences &&
        `${differences.failed} failed, ${differences.unverified} unverified, ${differences.expected} expected`,
    ),
    ...row("proof", proof),
  ];
}
