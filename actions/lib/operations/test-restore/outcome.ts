import type { Outcome } from "../../report/run/outcome.ts";
import type { RunFacts } from "../../report/run/run-report.ts";
import { restoreTestPage } from "./page.ts";
import { failureCode, isReport, type RestoreTestReport, type RestoreTestResult } from "./result.ts";
import type { MarkResult, WipeResult } from "./staging/mark-staging.ts";

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
