import type { Version } from "../../vault/s3/versions.ts";

/**
 * The shortest term of each storage class that S3 bills for, in days; what is removed earlier is paid all the same (S3 User
 * Guide, "Understanding and managing Amazon S3 storage classes").
 */
const shortestDays: Readonly<Record<string, number>> = {
  STANDARD_IA: 30,
  ONEZONE_IA: 30,
  GLACIER_IR: 90,
  GLACIER: 90,
  DEEP_ARCHIVE: 180,
};
const day = 86_400_000;

/**
 * Until when something has been paid for anyway, ms since 1970; null: no class of it has a shortest term.
 * @param afterDays when the bucket's lifecycle moves what it moves: the term counts from then, and S3 does not say when that was
 */
export function paidUntil(
  versions: readonly Pick<Version, "storageClass" | "lastModified">[],
  afterDays: number,
): number | null {
  const times = versions.flatMap(({ storageClass = "STANDARD", lastModified }) => {
    const days = shortestDays[storageClass];
    return days === undefined || lastModified === undefined ? [] : [lastModified.getTime() + (afterDays + days) * day];
  });
  return times.length === 0 ? null : Math.max(...times);
}
