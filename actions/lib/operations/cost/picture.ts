import type { Policy } from "../../config/policy/policy.ts";
import { groups } from "../../policy/cost/line.ts";
import type { CopiesOfMonth } from "../../policy/cost/seven-years.ts";
import { monthDays } from "../../policy/cost/stays.ts";
import type { Charted } from "../../report/branch/history-chart.ts";

/** Seven years of copies as lines: ours, full copies, and what the estimate has for them. */
export function costHistory(
  months: readonly CopiesOfMonth[],
  estimate: NonNullable<Policy["cost"]["estimate"]>,
  now: Date,
): Charted {
  const ofCopies = groups.filter((group) => group !== "supabase" && group !== "actions");
  const budget = ofCopies.reduce((sum, group) => sum + estimate[group], 0);
  const points = (value: (one: CopiesOfMonth) => number) =>
    months.map((one, month) => ({ at: now.getTime() + month * monthDays * 86_400_000, value: value(one) }));
  return {
    title: "What the copies cost a month, over seven years from an empty vault",
    unit: "USD",
    series: [
      { name: "full copies", points: points(({ full }) => full) },
      { name: "ours", points: points(({ ours }) => ours) },
      { name: "estimate", points: points(() => budget) },
    ],
  };
}
