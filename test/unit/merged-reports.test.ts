import { describe, expect, test } from "vitest";
import { loadOperations, namesOf } from "../../actions/lib/operations/catalogue.ts";
import { readJobResults, reportOfResults } from "../../actions/lib/report/run/job-results.ts";
import { mergeAll, mergeReports, noReport } from "../../actions/lib/report/run/merge-reports.ts";
import { now, reportOf } from "./simulated-runs.ts";

const { ofWorkflow } = namesOf(await loadOperations());
const failure = { code: "dump-failed", message: "It broke.", next: "Again.", runbook: "runbooks/backup-failed.md" };

describe("reports of one run", () => {
  const run = { workflow: "backup", runId: "1", attempt: 1, url: null, event: "schedule" };
  const assumed = (result: string) =>
    reportOfResults(run, readJobResults(`{"backup":{"result":"${result}"}}`), { began: now, now, ofWorkflow });

  test("a job's own words replace what was assumed of it, in either order and more than once", () => {
    const own = reportOf({ conclusion: "failure", operation: { failure } });
    const standIn = assumed("failure");
    expect(standIn.operations).toMatchObject([{ conclusion: "failure", failure: { code: noReport } }]);
    for (const merged of [mergeReports(own, standIn), mergeReports(standIn, own)]) {
      expect(merged).toMatchObject({
        conclusion: "failure",
        source: "job",
        operations: [{ failure: { code: "dump-failed" } }],
      });
      expect(mergeReports(mergeReports(merged, own), standIn)).toEqual(merged);
    }
  });

  test("one of several works of a job explains how the job ended, too", () => {
    const own = reportOf({ conclusion: "failure", operation: { job: "backup.weekly", failure } });
    expect(mergeReports(own, assumed("failure")).operations).toMatchObject([{ failure: { code: "dump-failed" } }]);
  });

  test("a job that ended badly after it had reported success is told as both", () => {
    const merged = mergeReports(reportOf({}), assumed("failure"));
    expect(merged.conclusion).toBe("failure");
    expect(merged.operations.map(({ conclusion }) => conclusion)).toEqual(
      expect.arrayContaining(["success", "failure"]),
    );
  });

  test("how it ended is the worst of its jobs; nothing to do, only where all had nothing to do", () => {
    const two = (one: "success" | "skipped" | "cancelled", other: "skipped" | "failure") =>
      mergeReports(reportOf({ conclusion: one }), reportOf({ conclusion: other, operation: { job: "other" } }))
        .conclusion;
    expect([two("success", "skipped"), two("skipped", "skipped"), two("cancelled", "failure")]).toEqual([
      "success",
      "skipped",
      "failure",
    ]);
  });

  test("publishing is told only when it failed", () => {
    const publish = { job: "report", operation: "publish" } as const;
    expect(mergeAll([reportOf({ operation: publish })])).toEqual([]);
    expect(
      mergeAll([reportOf({}), reportOf({ conclusion: "failure", operation: { ...publish, failure } })]),
    ).toMatchObject([{ conclusion: "failure" }]);
  });

  test("what is no context of jobs is refused with what to give", () => {
    expect(() => readJobResults("[]")).toThrow(/not the context needs/);
    expect(() => readJobResults('{"a":{"result":"fine"}}')).toThrow(/not the context needs/);
  });
});
