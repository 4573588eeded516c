import type { ObjectState, ThawTier } from "../../vault/bucket/thaw.ts";

/** What it takes to make a set's objects readable. */
export interface ThawPlan {
  readonly tier: ThawTier;
  /** Objects that have to be asked for. */
  readonly frozen: readonly ObjectState[];
  /** Asked for already. */
  readonly thawing: readonly ObjectState[];
  /** Bytes of the frozen ones. */
  readonly bytes: number;
  /** How long the store says that it takes, in words, for the slowest of the objects; null when none is frozen. */
  readonly expected: string | null;
  /** US dollars for retrieving the frozen ones and keeping the copies for `days`, without transfer out. */
  readonly dollars: number;
}

interface Rate {
  readonly expected: string;
  readonly perGB: number;
  readonly perThousand: number;
}

/**
 * Times: docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html. Prices: us-east-1,
 * aws.amazon.com/s3/pricing as of November 2026 to the best of our knowledge; a region's own may differ, so they are told as
 * estimates. Expedited does not exist for DEEP_ARCHIVE.
 */
const rates: Readonly<Record<string, Partial<Record<ThawTier, Rate>>>> = {
  GLACIER: {
    Expedited: { expected: "1 to 5 minutes", perGB: 0.03, perThousand: 10 },
    Standard: { expected: "3 to 5 hours", perGB: 0.01, perThousand: 0.05 },
    Bulk: { expected: "5 to 12 hours", perGB: 0, perThousand: 0 },
  },
  DEEP_ARCHIVE: {
    Standard: { expected: "within 12 hours", perGB: 0.02, perThousand: 0.1 },
    Bulk: { expected: "within 48 hours", perGB: 0.0025, perThousand: 0.025 },
  },
};
/** S3 Standard, where the thawed copies lie, a GB and month. */
const standardMonth = 0.023;
const GB = 1e9;

const slowestFirst = ["DEEP_ARCHIVE", "GLACIER"] as const;

/** Pure. `impossible`: a class of which there are frozen objects and which does not have the tier. */
export function planThaw(
  states: readonly ObjectState[],
  tier: ThawTier,
  days: number,
): ThawPlan & { readonly impossible: string | undefined } {
  const frozen = states.filter(({ state }) => state === "frozen");
  const thawing = states.filter(({ state }) => state === "thawing");
  const bytes = frozen.reduce((sum, one) => sum + one.bytes, 0);
  let dollars = (bytes / GB) * standardMonth * (days / 30);
  for (const { storageClass, bytes: size } of frozen) {
    const rate = rates[storageClass]?.[tier];
    dollars += (size / GB) * (rate?.perGB ?? 0) + (rate?.perThousand ?? 0) / 1000;
  }
  const classes = slowestFirst.filter((name) => frozen.some(({ storageClass }) => storageClass === name));
  const impossible = classes.find((name) => rates[name]?.[tier] === undefined);
  const expected = classes[0] === undefined ? null : (rates[classes[0]]?.[tier]?.expected ?? null);
  return { tier, frozen, thawing, bytes, expected, dollars, impossible };
}
