import type { RunReport } from "../run/run-report.ts";

/** Where what lies on the branch `reports`. */

export const indexPath = "README.md";

/** The months before the present one whose runs keep a file each; older ones are a line each. */
const fullMonths = 3;

/** `runs/2026/11/20261124T044107Z-backup-4711-1`, without its ending. */
export function runStem({ run, triggeredAt }: Pick<RunReport, "run" | "triggeredAt">): string {
  const stamp = triggeredAt.replaceAll(/[-:]|\.\d+/g, "");
  const workflow = run.workflow.replaceAll(/[^\w.-]+/g, "-");
  return `runs/${triggeredAt.slice(0, 4)}/${triggeredAt.slice(5, 7)}/${stamp}-${workflow}-${run.runId}-${run.attempt}`;
}

/** The folded month (`2026-08`) or year (`2024`) that a run of this time belongs to; undefined while it has its own file. */
export function foldedPath(at: string, now: Date): string | undefined {
  const month = at.slice(0, 7);
  const oldestFull = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - fullMonths)).toISOString().slice(0, 7);
  if (month >= oldestFull) return undefined;
  const year = at.slice(0, 4);
  return Number(year) < now.getUTCFullYear() - 1 ? `runs/${year}.ndjson` : `runs/${year}/${month}.ndjson`;
}

export function isRunFile(path: string): boolean {
  return /^runs\/\d{4}\/\d{2}\/[\w.-]+\.json$/.test(path);
}

export function isFoldedFile(path: string): boolean {
  return /^runs\/(\d{4}|\d{4}\/\d{4}-\d{2})\.ndjson$/.test(path);
}
