import { z } from "zod";

/** Median, least and most of some numbers. */
export const spreadSchema = z.strictObject({ median: z.number(), least: z.number(), most: z.number() });
export type Spread = z.infer<typeof spreadSchema>;

/** @param numbers at least one */
export function spread(numbers: readonly number[]): Spread {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const low = sorted[Math.floor(middle)] ?? Number.NaN;
  const high = sorted[Math.ceil(middle)] ?? Number.NaN;
  return { median: (low + high) / 2, least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN };
}

/**
 * Each run divided by the yardstick's run of the same round: what slows a whole round down (a busy machine) cancels out.
 */
export function ratios(runs: readonly number[], yardstick: readonly number[]): Spread {
  return spread(runs.map((seconds, round) => seconds / (yardstick[round] ?? Number.NaN)));
}
