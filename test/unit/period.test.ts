import { describe, expect, test } from "vitest";
import { type Period, periodAround } from "../../actions/lib/policy/period.ts";

const around = (period: Period, time: string): string => {
  const { from, until } = periodAround(period, new Date(time));
  return `${from.toISOString().slice(0, 16)} ${until.toISOString().slice(0, 16)}`;
};

describe("the day, week or month that a schedule makes a set for", () => {
  test.each([
    ["10h", "2026-11-22T04:41:00Z", "2026-11-21T18:41 2026-11-22T14:41"],
    ["day", "2026-11-22T23:59:59Z", "2026-11-22T00:00 2026-11-23T00:00"],
    ["day", "2028-02-29T00:00:00Z", "2028-02-29T00:00 2028-03-01T00:00"],
    ["week", "2026-11-22T00:00:00Z", "2026-11-22T00:00 2026-11-29T00:00"],
    ["week", "2026-11-21T23:59:59Z", "2026-11-15T00:00 2026-11-22T00:00"],
    ["week", "2027-01-01T12:00:00Z", "2026-12-27T00:00 2027-01-03T00:00"],
    ["month", "2026-12-31T23:59:59Z", "2026-12-01T00:00 2027-01-01T00:00"],
    ["month-from-sunday", "2026-12-05T23:59:59Z", "2026-11-01T00:00 2026-12-06T00:00"],
    ["month-from-sunday", "2026-12-06T00:00:00Z", "2026-12-06T00:00 2027-01-03T00:00"],
    ["month-from-sunday", "2027-01-02T23:59:59Z", "2026-12-06T00:00 2027-01-03T00:00"],
    ["month-from-sunday", "2026-11-01T00:00:00Z", "2026-11-01T00:00 2026-12-06T00:00"],
  ] as const)("the %s around %s", (period, time, span) => expect(around(period, time)).toBe(span));
});
