import { expect, test } from "vitest";
import { tierDue } from "../../actions/lib/policy/period.ts";

test.each([
  ["the first of all", undefined, "2026-11-24T04:00:00Z", "monthly"],
  ["the first of its month", "2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z", "monthly"],
  // 22 November 2026 is a Sunday.
  ["the first of its week", "2026-11-21T04:00:00Z", "2026-11-22T04:00:00Z", "weekly"],
  ["another of its week", "2026-11-22T04:00:00Z", "2026-11-23T04:00:00Z", "daily"],
  ["a second one of the day", "2026-11-24T04:00:00Z", "2026-11-24T05:00:00Z", "daily"],
  ["the first after a silence of months", "2026-06-24T04:00:00Z", "2026-11-24T05:00:00Z", "monthly"],
])("%s", (_, newest, now, tier) => {
  expect(tierDue(newest === undefined ? undefined : new Date(newest), new Date(now))).toBe(tier);
});

test("a year of daily snapshots has 12 of months and one for each other week", () => {
  const count = { daily: 0, weekly: 0, monthly: 0 };
  let newest: Date | undefined;
  for (let day = 0; day < 365; day++) {
    const now = new Date(Date.UTC(2026, 0, 1 + day, 4));
    count[tierDue(newest, now)]++;
    newest = now;
  }
  expect(count.monthly).toBe(12);
  expect(count.weekly).toBeGreaterThanOrEqual(48);
  expect(count.daily + count.weekly + count.monthly).toBe(365);
});
