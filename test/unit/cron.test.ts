import { describe, expect, test } from "vitest";
import type { Period } from "../../actions/lib/policy/period.ts";
import { CronProblem, parseCron, rhythmOf } from "../../actions/lib/policy/schedule.ts";

const day = 1440;

function gapInDays(texts: readonly string[], oncePer?: Period): number {
  return rhythmOf([{ crons: texts.map(parseCron), oncePer, zoned: false }]).worstGap / day;
}

/** The days of a month on which it runs. */
function daysIn(text: string, year: number, month: number): number[] {
  const cron = parseCron(text);
  const days = Array.from({ length: new Date(Date.UTC(year, month, 0)).getUTCDate() }, (_, index) => index + 1);
  return days.filter((each) => cron.runsOn(month, each, new Date(Date.UTC(year, month - 1, each)).getUTCDay()));
}

describe("a cron expression", () => {
  test("with both day fields runs on the days of either", () => {
    expect(daysIn("0 2 1-7 * 0", 2026, 11)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 15, 22, 29]);
    expect(parseCron("0 2 1-7 * 0").eitherDay).toBe(true);
  });

  test("with one day field runs on its days alone", () => {
    expect(daysIn("0 2 * * 0", 2026, 11)).toEqual([1, 8, 15, 22, 29]);
    expect(daysIn("0 2 1-7 * *", 2026, 11)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(daysIn("0 2 */10 * SUN", 2026, 11)).toEqual([1]);
  });

  test.each([
    ["41 4 * * *", [281]],
    ["*/20 3 * * *", [180, 200, 220]],
    ["20/15 0 * * *", [20, 35, 50]],
    ["5,35 6-7 * * *", [365, 395, 425, 455]],
  ])("%s runs at these minutes of the day", (text, minutes) => {
    expect(parseCron(text).minutes).toEqual(minutes);
  });

  test("takes names of months and days", () => {
    expect(daysIn("0 0 * feb-apr MON-FRI", 2026, 2).slice(0, 6)).toEqual([2, 3, 4, 5, 6, 9]);
    expect(daysIn("0 0 * FEB-APR *", 2026, 5)).toEqual([]);
  });

  test.each([
    "",
    "0 2 * *",
    "0 2 * * 0 2026",
    "@daily",
    "60 2 * * *",
    "0 24 * * *",
    "0 0 0 * *",
    "0 0 * 13 *",
    "0 0 * * 7",
  ])("'%s' is refused, as GitHub refuses it", (text) => {
    expect(() => parseCron(text)).toThrow(CronProblem);
  });

  test.each(["*/0 * * * *", "5-1 * * * *", "1-2-3 * * * *", "0 0 L * *", "0 0 1W * *", "0 0 * * MON#1", ", * * * *"])(
    "'%s' is refused",
    (text) => {
      expect(() => parseCron(text)).toThrow(CronProblem);
    },
  );
});

describe("the longest time between two runs", () => {
  test.each([
    ["daily", ["41 4 * * *"], 1],
    ["weekly", ["0 1 * * 0"], 7],
    ["on the first of the month: its longest month", ["0 3 1 * *"], 31],
    ["on the 31st: past a month that has none", ["0 3 31 * *"], 61],
    ["on the 30th: past February", ["0 3 30 * *"], 60],
    ["on weekdays: the weekend", ["0 9 * * MON-FRI"], 3],
    ["on days 1 to 7 and on Sundays", ["0 2 1-7 * 0"], 7],
    ["on February 29th: past a year like 2100", ["0 0 29 2 *"], 8 * 365 + 1],
    ["every six hours", ["7 */6 * * *"], 0.25],
    ["every 5 minutes", ["*/5 * * * *"], 5 / day],
    ["never", ["0 0 30 2 *"], Number.POSITIVE_INFINITY],
    ["nothing at all", [], Number.POSITIVE_INFINITY],
  ])("is right %s", (_when, texts, days) => {
    expect(gapInDays(texts)).toBeCloseTo(days, 6);
  });

  test("is not shortened by second attempts, which do nothing", () => {
    const attempts = ["41 4 * * *", "11 6 * * *", "37 9 * * *"];
    expect(gapInDays(attempts, "day")).toBe(1);
    expect(gapInDays(attempts)).toBeLessThan(0.8);
  });

  test("of the first Sunday of a month is five weeks", () => {
    expect(gapInDays(["0 2 * * 0", "7 5 * * 0"], "month")).toBe(35);
    expect(gapInDays(["0 1 * * *", "26 4 * * *"], "month-from-sunday")).toBe(35);
  });

  test("of two works is that of their runs together, and an hour more where summer time comes in", () => {
    const at = (text: string, zoned = false) => ({ crons: [parseCron(text)], oncePer: undefined, zoned });
    expect(rhythmOf([at("0 0 * * *"), at("0 12 * * *")]).worstGap).toBe(720);
    expect(rhythmOf([at("0 0 * * *", true)]).worstGap).toBe(1500);
  });
});
