import { countOf, formatBytes, formatDuration } from "../base/measures.ts";
import { isBad } from "../report/run/merge-reports.ts";
import type { News } from "../report/run/run-report.ts";
import { type Conclusion, jumpLines, type RunReport, workOf } from "../report/run/run-report.ts";

/** What people are told, before it takes the form of a channel. Nothing in it is personal or secret: reports are cleaned first. */
export interface Alert {
  /** `news`: nothing failed, and people have to look. `better`: something is well again, and something else is not. */
  readonly level: "failed" | "critical" | "warning" | "news" | "better" | "good" | "summary";
  /** One line: what happened to what. */
  readonly title: string;
  readonly sentence: string;
  /** Names and values that belong together. */
  readonly facts: readonly (readonly [string, string])[];
  /** Further lines, each a sentence. */
  readonly lines: readonly string[];
  /** What to do now. */
  readonly next: string | undefined;
  readonly links: readonly { readonly text: string; readonly url: string }[];
}

/** Where a page of the repository can be read, or undefined outside of GitHub. */
export type PageUrl = (path: string) => string | undefined;

/** What alerts are worded with. */
export interface AlertWords {
  readonly pageUrl: PageUrl;
  /** How an operation is called, e.g. `Restore test`. */
  label(operation: string): string;
}

const endings: Readonly<Record<Conclusion, string>> = {
  success: "done",
  skipped: "had nothing to do",
  failure: "failed",
  cancelled: "was cancelled",
  "timed-out": "took too long and was ended",
  lost: "never said how it ended",
};

const newsWords: Readonly<Record<News, string>> = {
  begun: "begun",
  over: "over",
  jumps: "made, and much has changed",
};

const jumpNext =
  "If nobody meant it, look when it happened with `lifeboat history --table <table>`. What is usual can be left out: backup.jumps in the policy.";

/** The same alert with every text of it cleaned, links apart. */
export function cleanAlert(alert: Alert, clean: (text: string) => string): Alert {
  const { title, sentence, facts, lines, next } = alert;
  return {
    ...alert,
    ...{ title: clean(title), sentence: clean(sentence), lines: lines.map(clean) },
    facts: facts.map(([name, value]) => [clean(name), clean(value)]),
    next: next === undefined ? undefined : clean(next),
  };
}

/** The alert about one job of a run. @param news why people hear of it although it went well */
export function runAlert(report: RunReport, { pageUrl, label }: AlertWords, news?: News): Alert {
  const [told] = report.operations;
  const { run, conclusion } = report;
  const name = told === undefined ? run.workflow : label(told.operation);
  const page = told?.failure?.runbook;
  const jumps = told === undefined ? [] : jumpLines(told.facts);
  const ending = isBad(conclusion) || news === undefined ? endings[conclusion] : newsWords[news];
  const pageLink = page === undefined ? undefined : pageUrl(page);
  return {
    level: isBad(conclusion) ? "failed" : news === undefined || news === "over" ? "good" : "news",
    title: `${name} ${ending}: ${workOf(report)}${run.attempt > 1 ? `, attempt ${run.attempt}` : ""}`,
    sentence: told?.failure?.message ?? told?.sentence ?? "",
    facts: told === undefined ? [] : factsOf(report),
    lines: [...jumps, ...(told?.warnings.map((warning) => `Warning: ${warning}`) ?? [])],
    next: told?.failure?.next ?? (jumps.length === 0 ? undefined : jumpNext),
    links: [
      ...(page === undefined || pageLink === undefined ? [] : [{ text: `Runbook: ${page}`, url: pageLink }]),
      ...(run.url === null ? [] : [{ text: "Log of the run", url: run.url }]),
    ],
  };
}

function factsOf({ operations: [told] }: RunReport): [string, string][] {
  if (told === undefined) return [];
  const { facts, startedAt, endedAt } = told;
  const row = (name: string, value: string | undefined): [string, string][] =>
    value === undefined ? [] : [[name, value]];
  const proven = facts.proof === undefined ? undefined : "with a signed proof";
  return [
    ...row("set", facts.set === undefined ? undefined : `${facts.set}${facts.tier ? ` (${facts.tier})` : ""}`),
    ...row("data of", facts.snapshotAt),
    ...row("size", facts.storedBytes === undefined ? undefined : sizes(facts)),
    ...row("took", formatDuration(Date.parse(endedAt) - Date.parse(startedAt))),
    ...row("outcome", [facts.outcome, proven].filter((each) => each !== undefined).join(", ") || undefined),
    ...row("what", told.failure?.code),
  ];
}

function sizes({ storedBytes = 0, plainBytes, tables }: RunReport["operations"][number]["facts"]): string {
  const plain = plainBytes === undefined ? "" : `${formatBytes(plainBytes)} sealed to `;
  return `${plain}${formatBytes(storedBytes)}${tables === undefined ? "" : `, ${countOf(tables, "table")}`}`;
}

/** An alert as plain text: for email, and for whoever reads the log. */
export function alertText({ sentence, facts, lines, next, links }: Alert): string {
  return [
    ...(sentence === "" ? [] : [sentence, ""]),
    ...facts.map(([name, value]) => `${name}: ${value}`),
    ...(facts.length > 0 ? [""] : []),
    ...lines.map((line) => `- ${line}`),
    ...(lines.length > 0 ? [""] : []),
    ...(next === undefined ? [] : [`Next: ${next}`, ""]),
    ...links.map(({ text, url }) => `${text}: ${url}`),
    "",
  ].join("\n");
}

const subjectMarks: { readonly [L in Alert["level"]]?: string } = {
  failed: "[Lifeboat: FAILED]",
  critical: "[Lifeboat: CRITICAL]",
  warning: "[Lifeboat: warning]",
  news: "[Lifeboat: NOW]",
};

/** Whether it is over for what the alert is about. */
export function isOver({ level }: Pick<Alert, "level">): boolean {
  return level === "good" || level === "summary";
}

/** One line for the subject. */
export function alertSubject({ level, title }: Alert): string {
  return `${subjectMarks[level] ?? "[Lifeboat]"} ${title}`.replaceAll(/\s+/g, " ").slice(0, 200);
}
