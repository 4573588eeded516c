import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { foldedPath } from "../../actions/lib/report/branch-layout.ts";
import { allRows, foldRuns, readRuns, type Tree } from "../../actions/lib/report/fold-runs.ts";
import { historyChart } from "../../actions/lib/report/history-chart.ts";
import { histories, thinned } from "../../actions/lib/report/history-series.ts";
import { readJobResults, reportOfResults } from "../../actions/lib/report/job-results.ts";
import { mergeAll, mergeReports, noReport } from "../../actions/lib/report/merge-reports.ts";
import { pageHtml } from "../../actions/lib/report/page-html.ts";
import { planBranch } from "../../actions/lib/report/plan-branch.ts";
import { type ApiRun, conclusionOf, reportOfApi, runsToTell } from "../../actions/lib/report/reconcile.ts";
import { renderRestoreNow, restoreNow } from "../../actions/lib/report/restore-now.ts";
import { renderRun } from "../../actions/lib/report/run-page.ts";
import { operationSchema } from "../../actions/lib/report/run-report.ts";
import { decodeRows, encodeRows, rowOf } from "../../actions/lib/report/run-row.ts";
import { standingOfRows } from "../../actions/lib/report/standing.ts";
import { pageOf } from "../../actions/lib/report/workflow-operations.ts";
import { reportOf, simulatedDay } from "./simulated-runs.ts";

const root = new URL("../..", import.meta.url).pathname;
const now = new Date("2026-11-24T12:00:00.000Z");
const tree = (files: ReadonlyMap<string, string> = new Map()): Tree => ({
  paths: [...files.keys()],
  read: (path) => files.get(path) ?? "",
});
function after(files: ReadonlyMap<string, string>, changes: ReadonlyMap<string, string | null>): Map<string, string> {
  const all = new Map(files);
  for (const [path, text] of changes) {
    if (text === null) all.delete(path);
    else all.set(path, text);
  }
  return all;
}
const failure = { code: "dump-failed", message: "It broke.", next: "Again.", runbook: "runbooks/backup-failed.md" };

describe("reports of one run", () => {
  const run = { workflow: "daily-backup", runId: "1", attempt: 1, url: null, event: "schedule" };
  const assumed = (result: string) =>
    reportOfResults(run, readJobResults(`{"backup":{"result":"${result}"}}`), now, now);

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

test("every operation has a page to read when it failed", () => {
  for (const operation of operationSchema.options)
    expect(existsSync(join(root, pageOf(operation))), operation).toBe(true);
});

describe("what GitHub says of a run", () => {
  const api = (change: Partial<ApiRun>): ApiRun => ({
    id: "7",
    attempt: 1,
    workflow: "daily-backup",
    branch: "main",
    event: "schedule",
    url: null,
    status: "completed",
    conclusion: "failure",
    createdAt: "2026-11-24T04:41:00Z",
    startedAt: "2026-11-24T04:41:00Z",
    updatedAt: "2026-11-24T04:50:00Z",
    ...change,
  });

  test.each([
    ["success", "success"],
    ["neutral", "success"],
    ["skipped", "skipped"],
    ["startup_failure", "failure"],
    ["cancelled", "cancelled"],
    ["timed_out", "timed-out"],
    ["stale", "lost"],
    [null, "lost"],
    ["a word of tomorrow", "lost"],
  ])("%s is %s", (told, conclusion) => expect(conclusionOf(told)).toBe(conclusion));

  test("is asked for where nothing is known, or where all seemed well", () => {
    const runs = [
      api({ id: "1" }),
      api({ id: "2" }),
      api({ id: "3" }),
      api({ id: "4", branch: "other" }),
      api({ id: "5", status: "queued" }),
      api({ id: "6", workflow: "ci" }),
      api({ id: "7" }),
    ];
    const known = new Map([
      ["1/1", "failure"],
      ["2/1", "success"],
    ] as const);
    expect(runsToTell(runs, known, "7").map(({ id }) => id)).toEqual(["2", "3"]);
  });

  test("names the job and the step, and is never better than the run", () => {
    const job = {
      name: "Back up",
      conclusion: "failure",
      startedAt: "2026-11-24T04:41:00Z",
      completedAt: null,
      step: "Set up",
    };
    expect(reportOfApi(api({}), [job]).operations).toMatchObject([{ sentence: expect.stringContaining('"Set up"') }]);
    expect(reportOfApi(api({}), [])).toMatchObject({
      conclusion: "failure",
      operations: [{ failure: { code: noReport } }],
    });
    expect(reportOfApi(api({ conclusion: "success" }), [])).toMatchObject({ conclusion: "success", operations: [] });
  });
});

describe("folding", () => {
  test.each([
    ["2026-11-01T00:00:00.000Z", undefined],
    ["2026-08-01T00:00:00.000Z", undefined],
    ["2026-07-31T23:59:59.999Z", "runs/2026/2026-07.ndjson"],
    ["2025-12-31T00:00:00.000Z", "runs/2025/2025-12.ndjson"],
    ["2024-12-31T00:00:00.000Z", "runs/2024.ndjson"],
  ])("of a run of %s: %s", (at, path) => expect(foldedPath(at, now)).toBe(path));

  test("keeps every run, whatever day it is published on, and telling again changes nothing", () => {
    const first = new Date("2026-01-01T00:00:00Z");
    let files = new Map<string, string>();
    let count = 0;
    for (let day = 0; day < 1200; day += 60) {
      const reports = simulatedDay(day, first);
      count += reports.length;
      const time = new Date(first.getTime() + (day + 1) * 86_400_000);
      files = after(files, foldRuns(readRuns(tree(files)), reports, time).changes);
      expect(foldRuns(readRuns(tree(files)), reports, time).changes.size).toBe(0);
      expect(allRows(readRuns(tree(files)))).toHaveLength(count);
    }
    expect([...files.keys()].filter((path) => /^runs\/\d{4}\.ndjson$/.test(path))).toEqual([
      "runs/2026.ndjson",
      "runs/2027.ndjson",
    ]);
  });

  test("leaves alone what is not ours, and says so", () => {
    const files = new Map([
      ["runs/2026/11/x.json", "{}"],
      ["runs/2026/2026-01.ndjson", "not json\n"],
      ["notes.txt", "mine"],
    ]);
    const plan = planBranch(tree(files), {
      project: "q",
      reports: [reportOf({})],
      standing: undefined,
      notes: [],
      now,
    });
    expect(plan.foreign).toEqual(["runs/2026/11/x.json", "runs/2026/2026-01.ndjson"]);
    for (const path of files.keys()) expect(plan.changes.has(path)).toBe(false);
  });

  test("of a line gives the line", () => {
    const rows = simulatedDay(13, now).map(rowOf);
    expect(decodeRows(encodeRows(rows)).rows).toHaveLength(rows.length);
    expect(decodeRows(`${encodeRows(rows)}{"a":1}\n`).foreign).toBe(1);
  });
});

describe("if you restored now", () => {
  const set = (id: string, at: string, rows: number, tier: "daily" | "monthly" = "daily") =>
    rowOf(
      reportOf({
        runId: id,
        at,
        operation: {
          facts: {
            set: `${id}`.padStart(8, "0"),
            tier,
            snapshotAt: at,
            plainBytes: 2_000_000_000,
            storedBytes: 5e8,
            rows,
          },
        },
      }),
    );
  const tested = (seconds: number) =>
    rowOf(
      reportOf({
        workflow: "restore-test",
        runId: "t",
        at: "2026-11-15T13:00:00.000Z",
        operation: { facts: { set: "00000001", restoreSeconds: seconds, outcome: "proven" } },
      }),
    );

  test("nothing is known of an empty vault, and that is what it says", () => {
    const standing = standingOfRows([]);
    const text = renderRestoreNow(restoreNow(standing, now), standing, now);
    expect(text).toContain("**everything**");
    expect(text).toContain("**never measured**");
    expect(text).toContain("No set has been proven yet");
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("the newest set that needs no thaw, its age, the slowest measurement in proportion, and the rows since", () => {
    const standing = standingOfRows([
      set("1", "2026-11-14T12:00:00.000Z", 1_000_000),
      tested(600),
      set("2", "2026-11-24T00:00:00.000Z", 1_095_000),
      set("3", "2026-11-24T06:00:00.000Z", 1_095_000, "monthly"),
    ]);
    const larger = {
      ...standing,
      sets: standing.sets.map((each) => (each.set.endsWith("2") ? { ...each, plainBytes: 4_000_000_000 } : each)),
    };
    const [first, , third] = restoreNow(larger, now);
    expect(first).toMatchObject({
      set: { set: "00000002", provenAt: null },
      age: 12 * 3_600_000,
      minutes: 20,
      files: undefined,
    });
    expect(first?.rowsLost).toBeGreaterThan(4000);
    expect(third?.files).toBeNull();
    const text = renderRestoreNow(restoreNow(larger, now), larger, now);
    expect(text).toContain("compared is `00000001`");
    expect(text).toContain("**every file**");
  });

  test("a clock that is ahead makes nothing younger than now", () => {
    const standing = standingOfRows([set("1", "2026-11-25T00:00:00.000Z", 5)]);
    expect(restoreNow(standing, now)[0]?.age).toBe(0);
  });
});

describe("pages", () => {
  test("keep a name that would be Markdown or HTML as text", () => {
    const report = reportOf({ operation: { sentence: "table | <b>x</b> `y` **z**", warnings: ["a | b"] } });
    const html = pageHtml(renderRun(report));
    expect(html).toContain("table | &lt;b&gt;x&lt;/b&gt; `y` **z**");
    expect(html).not.toContain("<b>");
  });

  test("link nowhere but to files beside them and to the web", () => {
    expect(pageHtml("[a](javascript:alert) [b](runs/x.md) [c](https://github.com/x)")).toContain(
      'a <a href="runs/x.md">b</a> <a href="https://github.com/x">c</a>',
    );
  });

  test("have charts of well-formed text whatever was measured", () => {
    const rows = Array.from({ length: 400 }, (_, day) => simulatedDay(day, now))
      .flat()
      .map(rowOf);
    for (const some of [[], rows.slice(0, 1), rows]) {
      for (const history of histories(some)) {
        const svg = historyChart(history);
        expect(svg).toMatch(/^<svg [^>]*>\n<title>/);
        expect(svg).not.toMatch(/NaN|undefined|Infinity/);
        expect(svg.length).toBeLessThan(12_000);
      }
    }
  });

  test("draw many points as medians, and the newest as it is", () => {
    const points = Array.from({ length: 1001 }, (_, at) => ({ at, value: at === 500 ? 1e9 : at }));
    const few = thinned(points, 90);
    expect(few.length).toBeLessThanOrEqual(90);
    expect(few.at(-1)).toEqual({ at: 1000, value: 1000 });
    expect(Math.max(...few.map(({ value }) => value))).toBe(1000);
  });
});
