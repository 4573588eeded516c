import { describe, expect, test } from "vitest";
import { loadOperations, namesOf } from "../../actions/lib/operations/catalogue.ts";
import { noReport } from "../../actions/lib/report/run/merge-reports.ts";
import { type ApiRun, conclusionOf, reportOfApi, runsToTell } from "../../actions/lib/report/run/reconcile.ts";

const { ofWorkflow } = namesOf(await loadOperations());

describe("what GitHub says of a run", () => {
  const api = (change: Partial<ApiRun>): ApiRun => ({
    id: "7",
    attempt: 1,
    workflow: "backup",
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
    expect(runsToTell(runs, known, "7", ofWorkflow).map(({ id }) => id)).toEqual(["2", "3"]);
  });

  test("names the job and the step, and is never better than the run", () => {
    const job = {
      name: "Back up",
      conclusion: "failure",
      startedAt: "2026-11-24T04:41:00Z",
      completedAt: null,
      step: "Set up",
    };
    expect(reportOfApi(api({}), [job], ofWorkflow).operations).toMatchObject([
      { sentence: expect.stringContaining('"Set up"') },
    ]);
    expect(reportOfApi(api({}), [], ofWorkflow)).toMatchObject({
      conclusion: "failure",
      operations: [{ failure: { code: noReport } }],
    });
    expect(reportOfApi(api({ conclusion: "success" }), [], ofWorkflow)).toMatchObject({
      conclusion: "success",
      operations: [],
    });
  });
});
