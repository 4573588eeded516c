import { describe, expect, test } from "vitest";
import { renderRestoreNow, restoreNow } from "../../actions/lib/report/branch/restore-now.ts";
import { standingOfRows } from "../../actions/lib/report/branch/standing.ts";
import { rowOf } from "../../actions/lib/report/run/run-row.ts";
import { now, reportOf } from "./simulated-runs.ts";

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
