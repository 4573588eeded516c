import { countOf, few, formatBytes, formatDuration } from "../../base/measures.ts";
import type { Difference } from "../../compare/difference.ts";
import { type Page, type PageTable, timeTable } from "../../report/page.ts";
import type { Outcome, RunFacts } from "../../report/run/run-report.ts";
import { failureCode, isReport, type RestoreTestReport, type RestoreTestResult } from "./request.ts";
import type { MarkResult, WipeResult } from "./staging/mark-staging.ts";

/** What a restore test found out, what failed first. */
export function restoreTestPage(result: RestoreTestResult): Page {
  return isReport(result)
    ? reportPage(result)
    : { title: "Restore test", sentence: noticeSentence(result), tables: [] };
}

type Notice = Exclude<RestoreTestResult, RestoreTestReport>;

function noticeSentence(notice: Notice): string {
  switch (notice.outcome) {
    case "nothing-to-do":
      return `Set ${notice.set} was proven this month already, on ${notice.provenAt}: nothing to do.`;
    case "thawing":
      return `Set ${notice.set} lies in Glacier (${notice.why}); it was asked for${notice.expected === null ? "" : `, which takes ${notice.expected}`}. A later run of this month tests it.`;
    case "dry-run":
      return (
        `Dry run: set ${notice.set} (${notice.tier}; ${notice.why}) would be restored into staging ${notice.projectRef}, with ` +
        `${countOf(notice.checks, "check")} and ${countOf(notice.queries, "measured query", "measured queries")}. Nothing was touched.`
      );
  }
}

function reportPage(result: RestoreTestReport): Page {
  const { differences, failures, warnings, set } = result;
  const of = (verdict: Difference["verdict"]) => differences.filter((one) => one.verdict === verdict);
  return {
    title: `Restore test of ${set}`,
    sentence: restoreTestSentence(result),
    tables: [
      { title: "Why it is not proven", header: ["failure"], rows: failures.map((failure) => [failure]) },
      differenceTable("Differences", of("failed")),
      differenceTable("Unverified", of("unverified")),
      checkTable(result),
      performanceTable(result),
      bloatTable(result),
      differenceTable("Expected differences", of("expected")),
      timeTable(result.stages),
    ],
    notes: [
      ...warnings.map((warning) => `warning: ${warning}`),
      ...defectNotes(result),
      ...sizeNotes(result),
      fileNote(result),
      ...result.quiet.map(({ what, state }) => (state === "off" ? `off: ${what}` : `unverified: whether off: ${what}`)),
      result.copy.state === "wiped"
        ? "the copy was wiped from staging"
        : `the copy stays in staging until ${result.copy.until ?? "it is wiped"}`,
      `signed proof: ${result.proof}`,
    ],
  };
}

/** The word `proven` stands in it only when the outcome is that. */
export function restoreTestSentence(result: RestoreTestReport): string {
  const { set, tier, outcome, counts, failures, restoreSeconds, snapshotAt, checks, target } = result;
  const what = `Set ${set} (${tier}, as of ${snapshotAt})`;
  if (outcome !== "proven") {
    const verdict =
      outcome === "failed" ? "did NOT pass its restore test" : "could not be verified by its restore test";
    return `${what} ${verdict}: ${few(failures, 3, "; ")}.`;
  }
  return (
    `${what} is proven: restored into staging ${target.projectRef} in ${formatDuration(restoreSeconds * 1000)}, ` +
    `${countOf(counts.tables, "table")} and ${countOf(counts.rows, "row")} equal, ` +
    `${countOf(checks.length, "check")} passed, a planted defect found.`
  );
}

function differenceTable(title: string, differences: readonly Difference[]): PageTable {
  return {
    title,
    header: ["kind", "identity", "aspect", "detail", "why"],
    rows: differences.map(({ kind, identity, aspect, detail, why }) => [kind, identity, aspect, detail, why]),
  };
}

function checkTable({ checks }: RestoreTestReport): PageTable {
  return {
    title: "Application",
    header: ["check", "kind", "outcome", "found", "took"],
    rows: checks.map(({ name, kind, outcome, finding, seconds }) => [
      name,
      kind,
      outcome === "passed" ? outcome : outcome.toUpperCase(),
      finding,
      formatDuration(seconds * 1000),
    ]),
  };
}

const times = (ratio: number | null): string => (ratio === null ? "–" : `${ratio} ×`);

function performanceTable({ performance }: RestoreTestReport): PageTable {
  return {
    title: "Performance, against earlier tests",
    header: ["query", "p50", "p95", "p50 to before", "p95 to before", "indexes", "verdict"],
    rows: performance.map((one) => [
      one.name,
      `${one.p50Ms} ms`,
      `${one.p95Ms} ms`,
      times(one.ratioP50),
      times(one.ratioP95),
      one.indexes.join(", ") || "none",
      one.verdict === "as-before" || one.verdict === "first" ? one.verdict : one.verdict.toUpperCase(),
    ]),
  };
}

function bloatTable({ size }: RestoreTestReport): PageTable {
  return {
    title: "Tables that take much more room at the source than their rows need",
    header: ["table", "at the source", "restored"],
    rows: (size?.bloated ?? []).map(({ table, sourceBytes, bytes }) => [
      table,
      formatBytes(sourceBytes),
      formatBytes(bytes),
    ]),
  };
}

function defectNotes({ defect }: RestoreTestReport): string[] {
  if (defect === null) return ["no defect was planted: the comparison itself did not hold"];
  const { kind, identity, seed, outcome } = defect;
  const said = {
    found: "found, and nothing else named",
    missed: "NOT found",
    "blamed-others": "found, but others were named",
  };
  return [`planted defect: ${kind} (${identity}), seed ${seed}: ${said[outcome]}`];
}

function fileNote({ files }: RestoreTestReport): string {
  if (files === null) return "unverified: the storage files were not compared with their rows";
  const { compared, missing, different, snapshot, fit } = files;
  const moment = fit === "same" ? "read together with the set" : `${fit} than the set`;
  return `storage files of snapshot ${snapshot} (${moment}): ${countOf(compared, "row")} compared, ${missing} missing, ${different} different`;
}

function sizeNotes({ size }: RestoreTestReport): string[] {
  if (size === null) return [];
  const { databaseBytes, sourceBytes } = size;
  return [`size: ${formatBytes(Number(databaseBytes))} restored, ${formatBytes(Number(sourceBytes))} at the source`];
}

const next = "The copy is gone from staging; run `lifeboat test-restore --set <set> --keep-hours 24` to look at one.";

/** What a restore test leaves for reports, and for the outputs of actions/test-restore/action.yml. */
export function reportRestoreTest(result: RestoreTestResult): Outcome {
  const page = restoreTestPage(result);
  const { set, outcome } = result;
  if (!isReport(result)) return { outputs: { set, outcome }, page, facts: { set, outcome }, skipped: true };
  return {
    outputs: { set, outcome, proof: result.proof, "restore-seconds": String(result.restoreSeconds) },
    ...{ page, facts: restoreTestFacts(result) },
    ...(outcome === "proven" ? {} : { failure: { code: failureCode(result), message: page.sentence, next } }),
  };
}

/** Of a restore test that came to its end. */
export function restoreTestFacts(report: RestoreTestReport): RunFacts {
  const { set, snapshotAt, stages, counts, restoreSeconds, outcome, proof, differences } = report;
  const count = (verdict: string) => differences.filter((one) => one.verdict === verdict).length;
  return {
    ...{ set, snapshotAt, restoreSeconds, outcome, proof },
    tier: report.tier,
    stages: [...stages],
    storedBytes: Number(counts.storedBytes),
    tables: counts.tables,
    rows: Number(counts.rows),
    differences: { failed: count("failed"), expected: count("expected"), unverified: count("unverified") },
  };
}

export function reportWipe(result: WipeResult) {
  const sentences = {
    wiped: `Staging ${result.projectRef} was emptied of the copy of ${result.set ?? "an unknown set"}.`,
    "empty-already": `Staging ${result.projectRef} is empty already.`,
    "dry-run": `Dry run: staging ${result.projectRef} would be emptied.`,
  };
  const page = { title: "Staging", sentence: sentences[result.outcome], tables: [] };
  return { result, page, outputs: { outcome: "wiped" } };
}

export function reportMark(result: MarkResult) {
  const { outcome, projectRef: ref } = result;
  const sentence =
    outcome === "marked"
      ? `Project ${ref} is staging now: restore tests empty it.`
      : `Dry run: project ${ref} is empty and would be marked as staging.`;
  return { result, page: { title: "Staging", sentence, tables: [] } };
}
