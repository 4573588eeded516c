import { inspect } from "node:util";
import { expect, test } from "vitest";
import { quietYear } from "../lab/monitor/quiet-year.ts";

/** `npm run faults -- --full` lives through more of them. */
const years = Number(process.env["LIFEBOAT_QUIET_YEARS"] ?? 0);
/** A quarter is enough to notice a rule that cries wolf. */
const [seeds, days] = years > 0 ? [years, 365] : [2, 91];

test.each(Array.from({ length: seeds }, (_, index) => index + 1))(
  "in a quiet year, however late GitHub is, people are told of nothing more than twice (year %i)",
  (seed) => {
    const year = quietYear(seed, days);
    expect(year.looks).toBeGreaterThan(6 * days);
    expect(year.alarms.length, inspect(year)).toBeLessThanOrEqual(2);
    expect(year.alarms.filter(({ level }) => level === "critical").length, inspect(year)).toBeLessThanOrEqual(1);
    expect(year.stale, inspect(year)).toBe(0);
  },
);
