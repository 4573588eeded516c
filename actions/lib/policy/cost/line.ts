/** What a line of the bill is for: the owner's estimate has the same parts. */
export const groups = ["supabase", "standard", "glacier", "transfer", "actions"] as const;
export type Group = (typeof groups)[number];

export interface BillLine {
  readonly group: Group;
  readonly what: string;
  /** Of the month, in `unit`. */
  readonly amount: number;
  readonly unit: string;
  /** US dollars for one of `unit`. */
  readonly price: number;
  readonly usd: number;
}

/** Bytes of a GB on S3's bill (the price list says GB and means 2^30), and on Supabase's. */
export const s3GB: number = 2 ** 30;
export const supabaseGB = 1e9;

/** One line, or none for nothing. @param price US dollars for `per` of `unit` */
export function line(group: Group, what: string, amount: number, unit: string, price: number, per = 1): BillLine[] {
  return amount <= 0 || price === 0
    ? []
    : [{ group, what, amount, unit, price: price / per, usd: (amount * price) / per }];
}

export function sumOf(lines: readonly BillLine[]): number {
  return lines.reduce((sum, { usd }) => sum + usd, 0);
}

/** US dollars by what they are for. */
export function usdByGroup(lines: readonly BillLine[]): Record<Group, number> {
  const sum = { supabase: 0, standard: 0, glacier: 0, transfer: 0, actions: 0 };
  for (const { group, usd } of lines) sum[group] += usd;
  return sum;
}
