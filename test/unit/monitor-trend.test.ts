import { expect, test } from "vitest";
import { type DayFigure, daysUntil, growthPerDay } from "../../actions/lib/policy/monitor/trend.ts";
import { randomFrom } from "../lab/random.ts";

const now = new Date("2026-11-30T09:00:00Z");
const series = (values: readonly number[]): DayFigure[] =>
  values.map((value, at) => ({
    day: new Date(now.getTime() - (values.length - 1 - at) * 86_400_000).toISOString().slice(0, 10),
    value,
  }));
const steady = (days: number, from: number, perDay: number): number[] =>
  Array.from({ length: days }, (_, at) => from + at * perDay);

test("a steady growth reaches its limit on the day that a ruler says", () => {
  const values = series(steady(30, 100, 2));
  expect(growthPerDay(values, now)).toBeCloseTo(2);
  expect(daysUntil(200, 158, growthPerDay(values, now))).toBeCloseTo(21);
});

test("six days say nothing, seven do", () => {
  expect(growthPerDay(series(steady(6, 0, 1)), now)).toBeUndefined();
  expect(growthPerDay(series(steady(7, 0, 1)), now)).toBeCloseTo(1);
});

test("only the last sixty days count, and no day of the future", () => {
  const values = series([...steady(100, 0, 50), ...steady(60, 5000, 1)]);
  expect(growthPerDay(values, now)).toBeCloseTo(1);
  const ahead = [...series(steady(20, 0, 1)), { day: "2027-03-01", value: 1e12 }];
  expect(growthPerDay(ahead, now)).toBeCloseTo(1);
});

test.each([
  ["yesterday", 28],
  ["in the middle", 15],
  ["on the second day", 1],
])("a bulk import %s is a step, not a pace", (_when, at) => {
  const values = steady(30, 100, 1).map((value, day) => (day >= at ? value + 10_000 : value));
  expect(growthPerDay(series(values), now)).toBeCloseTo(1);
});

test("imports that come every week are how it grows", () => {
  const values = Array.from({ length: 56 }, (_, day) => 1000 + Math.floor(day / 7) * 70);
  expect(growthPerDay(series(values), now)).toBeGreaterThan(7);
  expect(growthPerDay(series(values), now)).toBeLessThan(13);
});

test("what shrinks, stands still or only swings has no date", () => {
  expect(daysUntil(1000, 71, growthPerDay(series(steady(30, 100, -1)), now))).toBeNull();
  expect(daysUntil(1000, 100, growthPerDay(series(steady(30, 100, 0)), now))).toBeNull();
  const random = randomFrom(7);
  for (let round = 0; round < 50; round++) {
    const swinging = Array.from({ length: 60 }, () => 790 + 20 * random());
    const days = daysUntil(1000, 800, growthPerDay(series(swinging), now));
    expect(days ?? 999, `round ${round}`).toBeGreaterThan(45);
  }
});

test("a clean-up in the middle of a growth does not hide it", () => {
  const values = steady(40, 500, 10).map((value, day) => (day >= 20 ? value - 600 : value));
  expect(growthPerDay(series(values), now)).toBeCloseTo(10);
});

test("what is reached is reached, and more than two years are not told", () => {
  expect(daysUntil(100, 100, undefined)).toBe(0);
  expect(daysUntil(100, 50, undefined)).toBeNull();
  expect(daysUntil(1000, 0, 1)).toBeNull();
});
