import { inspect } from "node:util";
import { expect, test } from "vitest";
import { quietYear } from "../lab/monitor/quiet-year.ts";

/** `npm run faults -- --full` lives through more of them. */
const years = Number(process.env["LIFEBOAT_QUIET_YEARS"] ?? 0);
/** A quarter is enough to notice a rule that cries wolf. */
const [seeds, days] = years > 0 ? [years, 365] : [2, 91];

/**
 * The goal is a mean: single years scatter around it. If alarms come independently of each other (Poisson), at a mean of two fewer than one year in
 * four million has more than twelve.
 */
const [mostOnAverage, mostInOne] = [2, 12];
/** In a year, on average, hours in which the page shows as overdue what is well. Six years had 0.2 to 4.5. */
const mostOverdueHours = 12;

test(
  `in ${seeds} quiet years, however late GitHub is, people are told of nothing more than twice a year`,
  () => {
    const all = Array.from({ length: seeds }, (_, index) => quietYear(index + 1, days));
    const lived = (seeds * days) / 365;
    const told = all.flatMap(({ alarms }) => alarms);
    for (const year of all) {
      expect(year.looks).toBeGreaterThan(6 * days);
      expect(year.alarms.length, inspect(year)).toBeLessThanOrEqual(mostInOne);
      expect(year.stale, inspect(year)).toBe(0);
    }
    expect(told.length / Math.max(1, lived), inspect(told)).toBeLessThanOrEqual(mostOnAverage);
    const overdue = all.reduce((sum, year) => sum + year.overdueHours, 0);
    expect(overdue / Math.max(1, lived)).toBeLessThanOrEqual(mostOverdueHours);
    const critical = told.filter(({ level }) => level === "critical");
    expect(critical.length / Math.max(1, lived), inspect(critical)).toBeLessThanOrEqual(1);
  },
  seeds * 60_000,
);
