import type { Policy } from "../../config/policy/policy.ts";
import type { BillInput, MonthBill } from "./bill.ts";
import { type Group, groups, sumOf, usdByGroup } from "./line.ts";
import { monthDays } from "./stays.ts";
import { included } from "./supabase-lines.ts";

/** A part of the bill beside what the owner meant to pay for it, US dollars a month. */
export interface Beside {
  readonly group: Group;
  readonly usd: number;
  readonly estimate: number;
  readonly over: boolean;
}

/** The months, on average, with the estimate of the policy: the first copy of all files is no month's pace. Pure. */
export function besideEstimate(
  bills: readonly MonthBill[],
  estimate: NonNullable<Policy["cost"]["estimate"]>,
): Beside[] {
  const sum = usdByGroup(bills.flatMap(({ lines }) => lines));
  return groups.map((group) => {
    const usd = sum[group] / Math.max(1, bills.length);
    // A cent is no surprise.
    return { group, usd, estimate: estimate[group], over: usd >= estimate[group] + 0.01 };
  });
}

/** Something that grows, and the day on which it is as much as it may be. */
export interface Reached {
  readonly what: string;
  /** Bytes, or US dollars a month. */
  readonly limit: number;
  readonly unit: "bytes" | "USD a month";
  /** `YYYY-MM-DD`; null: not within the months that were looked at. Of what is reached already: today. */
  readonly day: string | null;
}

/** When the budget, and what Supabase's plan includes, is reached. Pure. @throws as `included` */
export function limitsReached({ policy, prices }: BillInput, bills: readonly MonthBill[], now: Date): Reached[] {
  const { egressBytes, databaseBytes, fileBytes } = included(policy, prices);
  const estimate = policy.cost.estimate;
  const budget = estimate === null ? null : groups.reduce((sum, group) => sum + estimate[group], 0);
  const of = (what: string, unit: Reached["unit"], limit: number, value: (bill: MonthBill) => number): Reached => ({
    ...{ what, unit, limit },
    day: reachedOn(bills.map(value), limit, now),
  });
  return [
    ...(budget === null ? [] : [of("The estimate of the policy", "USD a month", budget, ({ lines }) => sumOf(lines))]),
    of("Egress that the plan includes", "bytes", egressBytes, ({ used }) => used.egressBytes),
    of("Files that the plan includes", "bytes", fileBytes, ({ used }) => used.fileBytes),
    of("Disk that the plan includes", "bytes", databaseBytes, ({ used }) => used.databaseBytes),
  ];
}

/** Each value is of the middle of its month; between two of them it is taken to grow evenly. */
function reachedOn(values: readonly number[], limit: number, now: Date): string | null {
  const at = values.findIndex((value) => value > limit);
  if (at === -1) return null;
  const [before, after] = [values[at - 1], values[at]];
  const part = before === undefined || after === undefined ? 0 : at - 0.5 + (limit - before) / (after - before);
  return new Date(now.getTime() + Math.max(0, part) * monthDays * 86_400_000).toISOString().slice(0, 10);
}
