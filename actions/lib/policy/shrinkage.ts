import type { Manifest } from "../vault/format/manifest.ts";

type Counts = Pick<Manifest["counts"], "rows" | "plainBytes">;

export interface Shrinkage {
  readonly what: "rows" | "bytes";
  readonly before: bigint;
  readonly now: bigint;
}

/**
 * What has become smaller than the policy allows. Bytes are those of the dumps, not of the disk: VACUUM FULL is no loss.
 * Nothing is compared with nothing: a set without rows bounds no later one.
 *
 * @param smallestShare 0 to 1; 0 switches the bound off
 */
export function findShrinkage(last: Counts, now: Counts, smallestShare: number): Shrinkage[] {
  // In millionths, because counts may pass what a double holds exactly.
  const share = BigInt(Math.round(smallestShare * 1_000_000));
  const pairs: Shrinkage[] = [
    { what: "rows", before: BigInt(last.rows), now: BigInt(now.rows) },
    { what: "bytes", before: BigInt(last.plainBytes), now: BigInt(now.plainBytes) },
  ];
  return pairs.filter((pair) => pair.now * 1_000_000n < pair.before * share);
}
