import { readFileSync } from "node:fs";
import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";

/** Where an object can lie, as S3 calls it. */
export const storageClasses = ["STANDARD", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"] as const;
export type StorageClass = (typeof storageClasses)[number];
export type ColdClass = Exclude<StorageClass, "STANDARD">;

const usd = z.number().nonnegative();
const cold = z.strictObject({ GLACIER_IR: usd, GLACIER: usd, DEEP_ARCHIVE: usd });
const dated = {
  /** The day on which somebody read these prices. */
  day: z.iso.date(),
  /** Where. */
  source: z.string().min(1),
};

const regionSchema = z.strictObject({
  ...dated,
  /** Prices that the source did not show, and that come from elsewhere: told with the bill. */
  unchecked: z.array(z.string()),
  /** A GB and month. A GB of S3's bill has 2^30 bytes. */
  month: cold.extend({ STANDARD: usd }),
  /** A thousand requests: PUT, COPY, POST and LIST · GET and all others · lifecycle transitions into a class · standard retrievals from it. */
  thousand: z.strictObject({ put: usd, get: usd, transition: cold, retrieval: cold }),
  /** A GB that is brought back from a class. */
  retrievalGB: cold,
  /** A GB that leaves: to another region, to the internet. */
  transferGB: z.strictObject({ regions: usd, internet: usd }),
});
export type RegionPrices = z.output<typeof regionSchema>;

const planSchema = z.strictObject({
  month: usd,
  /** What of `compute` is included. */
  computeCredit: usd,
  storageGB: z.number(),
  egressGB: z.number(),
  diskGB: z.number(),
});
export type PlanPrices = z.output<typeof planSchema>;

const priceListSchema = z.strictObject({
  format: z.literal("lifeboat-prices/1"),
  aws: z.strictObject({
    list: z.string(),
    regions: z.record(z.string(), regionSchema),
    /** GB a month to the internet that cost nothing, of all regions together. */
    internetFreeGB: usd,
  }),
  supabase: z.strictObject({
    ...dated,
    plans: z.strictObject({ free: planSchema, pro: planSchema, team: planSchema }),
    /** A month, by size. */
    compute: z.record(z.string(), usd),
    /** A month, by the days that it reaches back. */
    pitr: z.record(z.string(), usd),
    /** A GB (10^9 bytes) and month above the plan's inclusion. */
    storageGB: usd,
    diskGB: usd,
    egressGB: usd,
  }),
  /** A minute of a hosted runner above the plan's inclusion. */
  github: z.strictObject({ ...dated, minute: usd }),
});
export type PriceList = z.output<typeof priceListSchema>;

const file = new URL("prices.json", import.meta.url);

/** The extract that lies beside this file. */
export function readPriceList(): PriceList {
  return priceListSchema.parse(JSON.parse(readFileSync(file, "utf8")));
}

/** @throws ConfigurationError `price-region-unknown` */
export function pricesOf({ aws }: PriceList, region: string): RegionPrices {
  const found = aws.regions[region];
  if (found !== undefined) return found;
  throw new ConfigurationError(
    "price-region-unknown",
    `The price list has no prices of region ${region}. It has ${Object.keys(aws.regions).join(" and ")}.`,
    `Add them to actions/lib/policy/cost/prices.json, from ${aws.list.replace("<region>", region)}, with the day and the source.`,
  );
}

const oldestDays = 90;
const dayMillis = 86_400_000;

/** What a reader has to know of the prices: which are older than 90 days, and which nobody has compared with the list. @param regions of the bill */
export function priceWarnings(list: PriceList, regions: readonly string[], now: Date): string[] {
  const parts = [
    ...regions.map((region) => ({ name: `S3 in ${region}`, ...pricesOf(list, region) })),
    { name: "Supabase", ...list.supabase },
    { name: "GitHub Actions", ...list.github },
  ];
  const old = parts.flatMap(({ name, day }) => {
    const age = Math.floor((now.getTime() - Date.parse(day)) / dayMillis);
    return age <= oldestDays
      ? []
      : [
          `The prices of ${name} are of ${day}, ${age} days ago: older than ${oldestDays}. Compare actions/lib/policy/cost/prices.json with the list, and renew its day.`,
        ];
  });
  const unchecked = regions.flatMap((region) => {
    const { unchecked } = pricesOf(list, region);
    return unchecked.length === 0
      ? []
      : [`Not compared with AWS's list yet, in ${region}: ${unchecked.join(", ")}. They may differ by some percent.`];
  });
  return [...old, ...unchecked];
}
