import { describe, expect, test } from "vitest";
import {
  judgeDailyBackups,
  judgePitrOn,
  judgePitrWindow,
  judgeRestoreWindow,
} from "../../actions/lib/policy/monitor/supabase-backups.ts";

const hour = 3_600_000;
const now = new Date("2026-11-30T09:00:00Z");

describe("Supabase's daily backups", () => {
  const at = (time: string, status = "COMPLETED") => ({ at: Date.parse(time), status });
  const daily = (days: number, newest = "2026-11-30T02:00:00Z") =>
    Array.from({ length: days }, (_, back) => ({ at: Date.parse(newest) - back * 24 * hour, status: "COMPLETED" }));
  const judge = (listed: readonly { at: number; status: string }[], when = now, createdAt = 0) =>
    judgeDailyBackups({ listed, keptDays: 7, createdAt }, when);

  test("none at all is critical, whatever a project that is made in the future may say of its age", () => {
    expect(judge([]).state).toBe("critical");
    expect(judge([], now, now.getTime() - hour).state).toBe("warning");
    expect(judge([], now, Date.parse("2030-01-01")).state).toBe("critical");
  });

  test.each([
    ["2026-11-30T09:00:00Z", "ok"],
    ["2026-12-01T05:59:00Z", "ok"],
    ["2026-12-01T06:01:00Z", "warning"],
    ["2026-12-01T09:59:00Z", "warning"],
    ["2026-12-01T10:01:00Z", "critical"],
    ["2026-12-09T09:00:00Z", "critical"],
  ])("of which the newest is of the 30th at 02:00 are, at %s, %s", (when, state) => {
    expect(judge(daily(8), new Date(when)).state).toBe(state);
  });

  test("say until when they are not too old", () => {
    expect(judge(daily(8)).dueAt).toBe("2026-12-01T10:00:00.000Z");
  });

  test("of which the newest failed are a warning, of which two failed critical", () => {
    const older = daily(7, "2026-11-29T02:00:00Z");
    const failed = at("2026-11-30T02:00:00Z", "FAILED");
    // Not late yet: 26 hours.
    const when = new Date("2026-11-30T04:00:00Z");
    expect(judge([failed, ...older], when)).toMatchObject({
      state: "warning",
      found: expect.stringMatching(/one has failed/),
    });
    expect(judge([at("2026-11-30T03:00:00Z", "FAILED"), failed, ...older], when).state).toBe("critical");
  });

  test("that failed before the newest good one, or are being made, are no news", () => {
    const listed = [at("2026-11-30T08:59:00Z", "PENDING"), ...daily(8), at("2026-11-30T01:00:00Z", "FAILED")];
    expect(judge(listed)).toMatchObject({ state: "ok", found: expect.stringContaining("One is being made.") });
  });

  test("of which days are missing in between, or at the far end, are a warning", () => {
    expect(judge(daily(8).filter((_, index) => index !== 3)).state).toBe("warning");
    expect(judge(daily(4)).found).toContain("Of the last 7 days, about 3 backups are missing.");
    expect(judge(daily(4), now, Date.parse("2026-11-26T12:00:00Z")).state).toBe("ok");
  });

  test("of which there is none are critical, unless the project was just made", () => {
    expect(judge([]).state).toBe("critical");
    expect(judge([at("2026-11-30T02:00:00Z", "FAILED")]).state).toBe("critical");
    expect(judge([], now, now.getTime() - 5 * hour).state).toBe("warning");
  });

  test("that are dated ahead of us do not count", () => {
    expect(judge([at("2027-06-01T02:00:00Z"), ...daily(7, "2026-11-20T02:00:00Z")]).state).toBe("critical");
  });
});

describe("point-in-time recovery", () => {
  const seconds = (time: string): number => Date.parse(time) / 1000;
  const day = (text: string, value: number) => ({ day: text, value });
  const judge = (facts: Partial<Parameters<typeof judgePitrWindow>[0]> & { lag?: number } = {}) => {
    const { lag = 0.02, ...more } = facts;
    const window = { earliest: seconds("2026-11-23T09:00:00Z"), latest: (now.getTime() - lag * hour) / 1000 };
    const written = { first: 500, second: 500 };
    return judgePitrWindow({ window, days: 7, createdAt: 0, written, history: [], ...more }, now);
  };
  const writing = { written: { first: 500, second: 503 } };

  test("that reaches to now is well, and its rows are kept for later", () => {
    expect(judge()).toMatchObject({ state: "ok", measure: { value: 500, limit: null, unit: "rows" } });
  });

  test("that reaches further than now is not believed", () => {
    expect(judge({ lag: -0.5 }).state).toBe("ok");
    expect(judge({ lag: -24 * 365 })).toMatchObject({ state: "unknown", found: expect.stringContaining("2027-11-30") });
  });

  test.each([
    [0.2, "ok"],
    [0.3, "warning"],
    [5.9, "warning"],
    [6.1, "critical"],
    [50, "critical"],
  ])("that lags %d hours while rows are written: %s", (lag, state) => {
    expect(judge({ lag, ...writing }).state).toBe(state);
  });

  test.each([
    [0.9, "ok"],
    [23, "ok"],
    [25, "warning"],
    [90, "warning"],
  ])("that lags %d hours while none is seen to be written, and nothing is known of before: %s", (lag, state) => {
    expect(judge({ lag }).state).toBe(state);
  });

  test("that lags behind rows that were written since, by the count of an earlier day, is critical", () => {
    const history = [day("2026-11-27", 300), day("2026-11-28", 400), day("2026-11-29", 500)];
    expect(judge({ lag: 40, history }).state).toBe("warning");
    // The newest moment is of the 27th at 23:00; on the 28th the count was another one than now.
    expect(judge({ lag: 58, history })).toMatchObject({
      state: "critical",
      found: expect.stringMatching(/written since/),
    });
  });

  test("that lags since nothing is written any more is well, for however long", () => {
    const history = [day("2026-11-25", 480), day("2026-11-26", 500), day("2026-11-27", 500), day("2026-11-29", 500)];
    // The 26th at 09:00, on which the count already was what it is now.
    expect(judge({ lag: 96, history })).toMatchObject({ state: "ok", found: expect.stringMatching(/idle/) });
  });

  test("that lags behind the first rows after days without any is well: they cannot be archived yet", () => {
    const history = [day("2026-11-25", 480), day("2026-11-26", 500), day("2026-11-29", 500)];
    expect(judge({ lag: 96, history, ...writing }).state).toBe("ok");
    const moved = [...history.slice(0, 2), day("2026-11-29", 501)];
    expect(judge({ lag: 96, history: moved, ...writing }).state).toBe("critical");
  });

  test("whose count began anew is not taken for idle", () => {
    const history = [day("2026-11-28", 9_000_000), day("2026-11-29", 9_100_000)];
    expect(judge({ lag: 40, history }).state).toBe("critical");
  });

  test("of which nobody can tell whether rows are written: a warning, and after two days critical", () => {
    expect(judge({ lag: 3, written: undefined }).state).toBe("ok");
    expect(judge({ lag: 7, written: undefined }).state).toBe("warning");
    expect(judge({ lag: 49, written: undefined }).state).toBe("critical");
  });

  test("without a window is new, or broken where it was there on other days", () => {
    expect(judge({ window: null }).state).toBe("warning");
    expect(judge({ window: null, history: [day("2026-11-29", 1)] }).state).toBe("critical");
  });

  test("that does not reach back as far as is counted on is a warning, unless the project is as young", () => {
    const window = { earliest: seconds("2026-11-27T09:00:00Z"), latest: now.getTime() / 1000 - 60 };
    expect(judge({ window }).state).toBe("warning");
    expect(judge({ window, createdAt: Date.parse("2026-11-27T08:00:00Z") }).state).toBe("ok");
    expect(judge({ window, days: null }).state).toBe("ok");
    expect(judge({ window, createdAt: Date.parse("2030-01-01") }).state).toBe("warning");
  });
});

test.each([
  [7, "ok"],
  [14, "ok"],
  [3, "warning"],
  [null, "critical"],
])("the add-on with %s days, where seven are counted on: %s", (bought, state) => {
  expect(judgePitrOn(7, bought).state).toBe(state);
});

test("backups that are kept for less than is counted on are critical", () => {
  expect(judgeRestoreWindow(7, 0).state).toBe("ok");
  expect(judgeRestoreWindow(7, 7).state).toBe("ok");
  expect(judgeRestoreWindow(7, 14)).toMatchObject({ state: "critical", found: expect.stringContaining("14 days") });
});
