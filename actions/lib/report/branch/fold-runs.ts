import { mergeReports } from "../run/merge-reports.ts";
import { renderRun } from "../run/run-page.ts";
import { type Conclusion, parseReport, type RunReport, runReportSchema } from "../run/run-report.ts";
import { byTime, decodeRows, encodeRows, type RunRow, rowOf, runKey } from "../run/run-row.ts";

/** Where what lies on the branch `reports`. */

export const indexPath = "README.md";
/** The monitor's. */
export const dashboardPath = "dashboard/index.html";
export const badgePath = "dashboard/badge.svg";

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

/** The files of a branch or folder, by their paths. */
export interface Tree {
  readonly paths: readonly string[];
  read(path: string): string;
}

/** What to write (text) and what to remove (null), by path. */
export type Changes = ReadonlyMap<string, string | null>;

/** The runs that a branch knows of. */
interface KnownRuns {
  /** Those that have a file of their own, by that file's path. */
  readonly full: ReadonlyMap<string, RunReport>;
  /** Those that are a line, by the path of their file. */
  readonly folded: ReadonlyMap<string, readonly RunRow[]>;
  /** Files, or lines of files, that are none of ours; they are left alone. */
  readonly foreign: readonly string[];
}

export function readRuns(tree: Tree): KnownRuns {
  const full = new Map<string, RunReport>();
  const folded = new Map<string, readonly RunRow[]>();
  const foreign: string[] = [];
  for (const path of tree.paths) {
    if (isRunFile(path)) {
      const report = parseReport(Buffer.from(tree.read(path)));
      if (report === undefined) foreign.push(path);
      else full.set(path, report);
    } else if (isFoldedFile(path)) {
      const { rows, foreign: lines } = decodeRows(tree.read(path));
      folded.set(path, rows);
      if (lines > 0) foreign.push(path);
    }
  }
  return { full, folded, foreign };
}

/** Every run, oldest first. */
export function allRows({ full, folded }: KnownRuns): RunRow[] {
  return [...[...full.values()].map(rowOf), ...[...folded.values()].flat()].sort(byTime);
}

/** How each attempt of each run ended, by what the branch knows. */
export function knownEndings(known: KnownRuns): Map<string, Conclusion> {
  return new Map(allRows(known).map(({ run, attempt, conclusion }) => [runKey(run, attempt), conclusion]));
}

/**
 * Puts reports among what is known, and folds what has become old: months into files of one line a run, past years into one file each.
 * Telling the same twice changes nothing.
 */
export function foldRuns(
  known: KnownRuns,
  more: readonly RunReport[],
  now: Date,
): { runs: KnownRuns; changes: Changes } {
  const changes = new Map<string, string | null>();
  const full = new Map(known.full);
  const folded = new Map([...known.folded].map(([path, rows]) => [path, [...rows]] as const));
  const pathOf = new Map([...full].map(([path, { run }]) => [runKey(run.runId, run.attempt), path]));

  for (const report of more) {
    const key = runKey(report.run.runId, report.run.attempt);
    const path = pathOf.get(key);
    const before = path === undefined ? undefined : full.get(path);
    // The file keeps its name, which begins with the moment that was known first.
    const { triggeredAt } = before ?? report;
    const after = runReportSchema.parse(
      before === undefined ? report : { ...mergeReports(before, report), triggeredAt },
    );
    if (before !== undefined && JSON.stringify(after) === JSON.stringify(before)) continue;
    const place = path ?? `${runStem(report)}.json`;
    full.set(place, after);
    pathOf.set(key, place);
    changes.set(place, `${JSON.stringify(after, null, 2)}\n`);
    changes.set(place.replace(/json$/, "md"), renderRun(after));
  }

  const touched = new Set<string>();
  const put = (row: RunRow, path: string): void => {
    const rows = folded.get(path) ?? [];
    const others = rows.filter(({ run, attempt }) => run !== row.run || attempt !== row.attempt);
    folded.set(path, [...others, row]);
    touched.add(path);
  };
  for (const [path, report] of [...full]) {
    const into = foldedPath(report.triggeredAt, now);
    if (into === undefined) continue;
    put(rowOf(report), into);
    full.delete(path);
    for (const ending of ["json", "md"]) changes.set(path.replace(/json$/, ending), null);
  }
  for (const [path, rows] of [...folded]) {
    const places = new Set(rows.map(({ at }) => foldedPath(at, now) ?? path));
    if (places.size === 0 || (places.size === 1 && places.has(path)) || known.foreign.includes(path)) continue;
    folded.delete(path);
    changes.set(path, null);
    for (const row of rows) put(row, foldedPath(row.at, now) ?? path);
  }
  for (const path of touched) changes.set(path, encodeRows(folded.get(path) ?? []));
  for (const path of foldedAlready(known, changes)) changes.delete(path);
  return { runs: { full, folded, foreign: known.foreign }, changes };
}

/** Files that were planned and folded in one go were never there: nothing to remove. */
function foldedAlready(known: KnownRuns, changes: Changes): string[] {
  return [...changes].flatMap(([path, text]) => {
    const json = path.replace(/md$/, "json");
    return text === null && !known.full.has(json) && !known.folded.has(path) ? [path] : [];
  });
}
