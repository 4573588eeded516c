import { type BillInput, billByMonth } from "./bill.ts";
import { fullCopiesByMonth, isOfCopies } from "./full-copies.ts";
import { sumOf } from "./line.ts";

/** What one month's copies cost, ours and full ones, US dollars. */
export interface CopiesOfMonth {
  readonly ours: number;
  readonly full: number;
}

const months = 84;

/** Seven years of copies from an empty vault, month by month, for the project as it is and grows. Pure. @throws as `billByMonth` */
export function compareSevenYears(input: BillInput): CopiesOfMonth[] {
  const empty = { ...input, facts: { ...input.facts, present: [] } };
  const full = fullCopiesByMonth(empty, months);
  return billByMonth(empty, months).map(({ lines }, month) => ({
    ours: sumOf(lines.filter(isOfCopies)),
    full: full[month]?.usd ?? 0,
  }));
}

/** The same for people: single years, all of them, and our share of the whole. */
export function sevenYearsTotals(all: readonly CopiesOfMonth[]) {
  const of = (years: string, from: number, until: number) => {
    const some = all.slice(from, until);
    return {
      years,
      ours: some.reduce((sum, { ours }) => sum + ours, 0),
      full: some.reduce((sum, { full }) => sum + full, 0),
    };
  };
  const whole = of("all seven", 0, months);
  return {
    sevenYears: [of("the first", 0, 12), of("the fourth", 36, 48), of("the seventh", 72, 84), whole],
    share: whole.full === 0 ? 1 : whole.ours / whole.full,
  };
}
