import { markdownCode, markdownLink, markdownText } from "../../base/escaping.ts";
import { formatBytes, formatCount, formatDuration, formatMinute } from "../../base/measures.ts";
import type { PromiseCheck } from "../../policy/promises.ts";
import { renderMarkdown } from "../page.ts";
import { promisesPage } from "../promises-page.ts";
import { isBad } from "../run/merge-reports.ts";
import { conclusionWord } from "../run/run-page.ts";
import type { OperationRow, RunRow } from "../run/run-row.ts";
import { badgePath, dashboardPath, foldedPath, runStem } from "./fold-runs.ts";
import type { History } from "./history-chart.ts";
import { renderRestoreNow, restoreNow } from "./restore-now.ts";
import type { Standing } from "./standing.ts";

interface IndexFacts {
  readonly project: string;
  readonly standing: Standing;
  /** Every run, oldest first. */
  readonly rows: readonly RunRow[];
  readonly histories: readonly History[];
  readonly now: Date;
  /** What a reader should know, one sentence each, e.g. that nothing protects main. */
  readonly notes: readonly string[];
  readonly promises?: PromiseCheck | undefined;
  /** Whether the monitor has laid its dashboard on the branch. */
  readonly dashboard?: boolean;
}

/** GitHub shows a page's source, not the page. */
const dashboardLine = `![What the monitor found last, and until when that counts](${badgePath}) The dashboard is ${markdownLink(dashboardPath, dashboardPath)}: open the file from a checkout of this branch, or by GitHub Pages where that is switched on.`;

const runsOfWorkflow = 3;
const lastFailures = 10;

/** The page that opens with the branch: what a restore would bring back, the last runs, the history. */
export function renderIndex({
  project,
  standing,
  rows,
  histories,
  now,
  notes,
  promises,
  dashboard,
}: IndexFacts): string {
  return [
    `# ${markdownText(project)}: backups and what they are worth`,
    "",
    ...(dashboard === true ? [dashboardLine, ""] : []),
    renderRestoreNow(restoreNow(standing, now), standing, now),
    ...(notes.length === 0 ? [] : [...notes.map((note) => `> [!WARNING]\n> ${markdownText(note)}\n`)]),
    ...(promises === undefined ? [] : [renderMarkdown(promisesPage(promises))]),
    "## Last runs",
    "",
    ...workflowTable(rows, now),
    "",
    ...failures(rows, now),
    "## History",
    "",
    ...histories.map(({ file, title }) => `![${title}](charts/${file}.svg)\n`),
    `${formatCount(rows.length)} runs are told here, in \`runs/\`: each of the last months as JSON and as a page, older ones as a line of NDJSON. ` +
      "This branch is written by `actions/publish-report` alone.",
    "",
  ].join("\n");
}

function workflowTable(rows: readonly RunRow[], now: Date): string[] {
  const byWorkflow = Map.groupBy(rows, ({ workflow }) => workflow);
  const lines = [...byWorkflow]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([workflow, runs]) => {
      const last = lastOf(runs);
      return last.map((run, index) => {
        const name = index === 0 ? `**${markdownText(workflow)}**` : "";
        return `| ${[name, runLink(run, now), ending(run), formatDuration(run.seconds * 1000), what(run.operations)].join(" | ")} |`;
      });
    });
  if (lines.length === 0) return ["No run was reported yet."];
  return ["| workflow | asked for | ended | took | result |", "| --- | --- | --- | --- | --- |", ...lines];
}

/** The last run and, before it, the last that did something: attempts with nothing to do would hide them. */
function lastOf(runs: readonly RunRow[]): RunRow[] {
  const last = runs.slice(-1);
  const busy = runs.slice(0, -1).filter(({ conclusion }) => conclusion !== "skipped");
  return [...last, ...busy.slice(1 - runsOfWorkflow).reverse()];
}

function failures(rows: readonly RunRow[], now: Date): string[] {
  const month = now.getTime() - 31 * 86_400_000;
  const recent = rows.filter(({ at, conclusion }) => isBad(conclusion) && Date.parse(at) >= month);
  if (recent.length === 0) return [];
  const shown = recent.slice(-lastFailures).reverse();
  const more = recent.length > shown.length ? ` The newest ${shown.length} of ${recent.length}.` : "";
  return [
    "## What went wrong in the last month",
    "",
    `${more}`.trim(),
    "",
    "| workflow | asked for | ended | why |",
    "| --- | --- | --- | --- |",
    ...shown.map((run) => {
      const codes = [...new Set(run.operations.flatMap(({ code }) => code ?? []))].join(", ");
      return `| ${[markdownText(run.workflow), runLink(run, now), ending(run), codes === "" ? "–" : markdownCode(codes)].join(" | ")} |`;
    }),
    "",
  ];
}

/** To the run's page while it has one, else to GitHub's log, which is kept for some months. */
function runLink(run: RunRow, now: Date): string {
  const said = formatMinute(run.at);
  if (foldedPath(run.at, now) !== undefined) return run.url === undefined ? said : markdownLink(said, run.url);
  const identity = { workflow: run.workflow, runId: run.run, attempt: run.attempt, url: null, event: run.event };
  return markdownLink(said, `${runStem({ run: identity, triggeredAt: run.at })}.md`);
}

function ending({ conclusion }: RunRow): string {
  const word = conclusionWord(conclusion);
  return isBad(conclusion) ? `**${word}**` : word;
}

function what(operations: readonly OperationRow[]): string {
  return operations
    .map(operationWords)
    .filter((words) => words !== "")
    .join("<br>");
}

function operationWords({ conclusion, set, storedBytes, rows, restoreSeconds, outcome, code }: OperationRow): string {
  if (isBad(conclusion)) return code === undefined ? "" : markdownCode(code);
  const parts = [
    ...(set === undefined ? [] : [markdownCode(set)]),
    ...(outcome === undefined ? [] : [markdownText(outcome)]),
    ...(conclusion === "skipped" || rows === undefined ? [] : [`${formatCount(rows)} rows`]),
    ...(conclusion === "skipped" || storedBytes === undefined ? [] : [formatBytes(storedBytes)]),
    ...(restoreSeconds === undefined ? [] : [`restored in ${formatDuration(restoreSeconds * 1000)}`]),
  ];
  return parts.join(", ");
}
