import type { Policy } from "../../config/policy/policy.ts";
import { type BillInput, billByMonth, type MonthBill } from "../../policy/cost/bill.ts";
import { type Beside, besideEstimate, limitsReached, type Reached } from "../../policy/cost/forecast.ts";
import { priceWarnings } from "../../policy/cost/price-list.ts";
import { compareSevenYears, sevenYearsTotals } from "../../policy/cost/seven-years.ts";

/** A bill, and all that stands beside it. */
export interface CostResult {
  /** Where sizes come from. */
  readonly told: string;
  readonly months: readonly MonthBill[];
  /** The twelve months to come. */
  readonly usdAYear: number;
  readonly beside: readonly Beside[];
  readonly limits: readonly Reached[];
  /** Seven years from an empty vault: what the copies cost, ours and full ones. */
  readonly sevenYears: readonly SevenYears[];
  /** Ours of full copies, of all seven. */
  readonly share: number;
  /** All above is of the other policy that was asked for; before it, of the usual one. */
  readonly whatIf: { readonly file: string; readonly before: readonly MonthBill[]; readonly moreAYear: number } | null;
  readonly warnings: readonly string[];
}

export interface SevenYears {
  readonly years: string;
  readonly ours: number;
  readonly full: number;
}

interface Asked {
  readonly estimate: NonNullable<Policy["cost"]["estimate"]>;
  /** How far to look ahead. */
  readonly months: number;
  readonly now: Date;
  /** What it was before a change, and the policy that is one: twelve months. */
  readonly before?: { readonly file: string; readonly months: readonly MonthBill[] } | undefined;
}

/** The bill with everything beside it. Pure. @throws as `billByMonth` */
export function billOf(input: BillInput, { estimate, months, now, before }: Asked): CostResult {
  const { policy, facts, prices } = input;
  const bills = billByMonth(input, Math.max(12, months));
  const shown = bills.slice(0, months);
  const year = (of: readonly MonthBill[]): number => of.slice(0, 12).reduce((sum, { usd }) => sum + usd, 0);
  const usdAYear = year(bills);
  const { region, replicaRegion } = policy.promises.vault;
  const regions = [region ?? policy.regions[0] ?? "", ...(replicaRegion === null ? [] : [replicaRegion])];
  return {
    ...{ told: facts.told, months: shown, usdAYear },
    beside: besideEstimate(bills.slice(0, 12), estimate),
    limits: limitsReached(input, shown, now),
    ...sevenYearsTotals(compareSevenYears(input)),
    whatIf:
      before === undefined
        ? null
        : { file: before.file, before: before.months, moreAYear: usdAYear - year(before.months) },
    warnings: priceWarnings(prices, regions, now),
  };
}
