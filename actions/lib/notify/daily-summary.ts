import { countOf, few, formatBytes, formatDuration } from "../base/measures.ts";
import { type CheckResult, checkStates } from "../policy/monitor/check.ts";
import { incidentFinding } from "../policy/promise-findings.ts";
import { type PromiseCheck, promisesSentence } from "../policy/promises.ts";
import { isBad } from "../report/run/merge-reports.ts";
import { jumpLines, type RunReport, workOf } from "../report/run/run-report.ts";
import type { Head } from "../vault/audit/entry.ts";
import type { Alert, AlertWords } from "./alert.ts";

interface DayFacts {
  /** `YYYY-MM-DD`, the day on which it is told. */
  readonly day: string;
  /** What the monitor found, the worst first; silenced ones say so. */
  readonly checks?: readonly SummaryCheck[];
  /** Reports of single jobs of the last 24 hours, oldest first. */
  readonly reports: readonly RunReport[];
  /** Undefined when it could not be made. */
  readonly promises: PromiseCheck | undefined;
  /** The end of the audit trail: what people have read nobody can write anew. */
  readonly trail?: Head | undefined;
}

export interface SummaryCheck extends Pick<CheckResult, "title" | "state" | "found" | "measure"> {
  /** The last day of its silence. */
  readonly silencedUntil?: string | undefined;
}

/** Checks that are not ok, and limits, that stand in a summary with what they found. */
const most = { checks: 10, limits: 3 } as const;

/** The head of the monitor's table: how many checks are in each state, those that are not ok, the limits that are nearest. */
function headOf(checks: readonly SummaryCheck[]): string[] {
  const counts = checkStates.flatMap((state) => {
    const count = checks.filter((one) => one.state === state).length;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  const bad = checks.filter(({ state }) => state !== "ok");
  const told = bad.slice(0, most.checks).map(({ title, state, found, silencedUntil }) => {
    const word = state === "warning" ? state : state.toUpperCase();
    return `${word}${silencedUntil === undefined ? "" : ` (silenced until ${silencedUntil})`}: ${title}: ${found}`;
  });
  const left = bad.slice(most.checks).map(({ title }) => title);
  const limits = checks
    .filter(({ state, measure }) => state === "ok" && shareOf(measure) > 0)
    .sort((a, b) => shareOf(b.measure) - shareOf(a.measure))
    .slice(0, most.limits);
  return [
    `Monitor: ${countOf(checks.length, "check")}, ${counts.join(", ")}.`,
    ...told,
    ...(left.length === 0 ? [] : [`Also not ok: ${few(left, 20)}.`]),
    ...limits.map(({ title, found }) => `Limit: ${title}: ${found}`),
  ];
}

function shareOf(measure: CheckResult["measure"]): number {
  return measure === undefined || measure.limit === null || measure.limit <= 0 ? 0 : measure.value / measure.limit;
}

/** One message about a day: what the monitor found, what ran, how it ended, what would be lost now. */
export function dailySummary({ day, checks = [], reports, promises, trail }: DayFacts, words: AlertWords): Alert {
  const failures = reports.filter(({ conclusion }) => isBad(conclusion)).length;
  const broken = promises?.findings.filter(({ level }) => level === "broken") ?? [];
  const incident = promises?.findings.filter(({ name, level }) => name === incidentFinding && level !== "broken") ?? [];
  const page = "runbooks/promise-broken.md";
  const url = words.pageUrl(page);
  return {
    level: failures > 0 || broken.length > 0 || bad(checks) ? "failed" : "summary",
    title: `Lifeboat on ${day}`,
    sentence:
      reports.length === 0
        ? "Nothing has run in the last 24 hours."
        : `${countOf(reports.length, "job")} ran in the last 24 hours, ${failures === 0 ? "none of them" : `${failures}`} failed.`,
    facts: [],
    lines: [
      ...(checks.length === 0 ? [] : headOf(checks)),
      ...incident.map(({ message, next }) => `${message} ${next}`),
      ...groups(reports).map((some) => describe(some, words)),
      ...reports.flatMap(({ operations }) => operations.flatMap(({ facts }) => jumpLines(facts))),
      ...(promises === undefined ? [] : [promisesSentence(promises)]),
      ...(promises?.shortened ?? []),
      ...broken.slice(0, 8).map(({ message, next }) => `${message} ${next}`),
      ...(trail === undefined || trail.sha256 === null ? [] : [`Audit trail: head ${trail.count}:${trail.sha256}.`]),
    ],
    next: failures > 0 ? "See each failure's own message or the runs' logs." : broken[0]?.next,
    links: broken.length === 0 || url === undefined ? [] : [{ text: `Runbook: ${page}`, url }],
  };
}

function bad(checks: readonly SummaryCheck[]): boolean {
  return checks.some(({ state, silencedUntil }) => state === "critical" && silencedUntil === undefined);
}

/** The jobs of one workflow and operation, together. */
function groups(reports: readonly RunReport[]): RunReport[][] {
  const grouped = Map.groupBy(reports, (report) => `${workOf(report)} ${report.operations[0]?.operation ?? ""}`);
  return [...grouped.values()];
}

function describe(reports: readonly RunReport[], { label }: AlertWords): string {
  const last = reports.at(-1);
  const operation = last?.operations[0]?.operation;
  const name = operation === undefined ? "Jobs" : label(operation);
  const count = (...kinds: string[]): number => reports.filter(({ conclusion }) => kinds.includes(conclusion)).length;
  const failed = reports.filter(({ conclusion }) => isBad(conclusion)).length;
  const parts = [
    ...(count("success") > 0 ? [`${count("success")} done`] : []),
    ...(count("skipped") > 0 ? [`${count("skipped")} had nothing to do`] : []),
    ...(failed > 0 ? [`${failed} FAILED`] : []),
  ];
  const made = reports.findLast(({ conclusion }) => conclusion === "success")?.operations[0];
  return `${name} (${last === undefined ? "?" : workOf(last)}): ${parts.join(", ")}${made === undefined ? "." : `; ${detail(made)}.`}`;
}

function detail({ facts, startedAt, endedAt }: RunReport["operations"][number]): string {
  const parts = [
    ...(facts.set === undefined ? [] : [`set ${facts.set}`]),
    ...(facts.outcome === undefined ? [] : [facts.outcome]),
    ...(facts.storedBytes === undefined ? [] : [`${formatBytes(facts.storedBytes)} in the vault`]),
    ...(facts.files === undefined ? [] : [countOf(facts.files.count, "file")]),
    `took ${formatDuration(Date.parse(endedAt) - Date.parse(startedAt))}`,
  ];
  return parts.join(", ");
}
