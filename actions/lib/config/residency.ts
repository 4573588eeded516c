import { ConfigurationError } from "../base/errors.ts";
import type { ConnectionSettings } from "./connection-url.ts";

/** Where data may be, as far as a name or an address tells it. What only an answer tells is asked when a bucket is opened. */

const review = "or have the policy's `regions` changed by review (runbooks/residency.md).";

/**
 * @param what the thing whose region it is, e.g. `Bucket acme-backup`
 * @throws ConfigurationError `region-refused`
 */
export function assertRegionAllowed(region: string, regions: readonly string[], what: string): void {
  if (regions.includes(region)) return;
  throw new ConfigurationError(
    "region-refused",
    `${what} is in ${region}; the policy allows ${regions.join(", ")}. Nothing was read there or sent to it`,
    `Use one in an allowed region, ${review}`,
  );
}

/** The same as a problem of a setting: undefined where the region is allowed, or not known. */
export function regionProblem(region: string | undefined, regions: readonly string[] | undefined): string | undefined {
  if (region === undefined || regions === undefined || regions.includes(region)) return undefined;
  return `is in ${region}; the policy allows ${regions.join(", ")}. Use one in an allowed region, ${review}`;
}

/**
 * Why a bucket's name is not one of a bucket in one region: ARNs and aliases lead to access points, which may stand before a bucket
 * in any account and region (Amazon S3 User Guide, "Bucket naming rules": reserved suffixes).
 */
export function nameProblem(bucket: string): string | undefined {
  const access =
    "Give the name of the bucket itself: what stands behind an access point, and where, its name does not tell.";
  if (bucket.startsWith("arn:")) return `is an ARN. ${access}`;
  if (/(?:-s3alias|--ol-s3|\.mrap|--op-s3)$/.test(bucket)) return `is the alias of an access point. ${access}`;
  if (/--(?:x|table)-s3$/.test(bucket)) return "is a directory or table bucket, which has neither versions nor locks.";
  return /[/?#\s]/.test(bucket) ? "is not a bucket's name." : undefined;
}

/** Why an endpoint is refused: by AWS's own that lead past a region, or into one that the policy does not allow. */
export function endpointProblem(endpoint: string, regions: readonly string[] | undefined): string | undefined {
  const host = new URL(endpoint).hostname;
  if (!/\.(?:amazonaws\.com(?:\.cn)?|aws|api\.aws)$/.test(host)) return undefined;
  const own = "Leave it out: AWS itself needs no endpoint.";
  if (/(?:^|\.)s3-accelerate\./.test(host))
    return `is S3 Transfer Acceleration, which takes data in at any edge location. ${own}`;
  if (/accesspoint|s3-object-lambda|s3-outposts/.test(host))
    return `is an access point: the bucket behind it may be anywhere. ${own}`;
  return regionProblem(/(?:^|[.-])([a-z]{2}(?:-[a-z]+)+-\d)\./.exec(host)?.[1], regions);
}

/** The region of a project of Supabase's, where its pooler's address tells it: `aws-0-eu-central-1.pooler.supabase.com`. */
export function regionOfPooler({ host }: Pick<ConnectionSettings, "host">): string | undefined {
  return /^aws-\d+-([a-z]+(?:-[a-z]+)+-\d+)\.pooler\.supabase\.[a-z]+$/.exec(host)?.[1];
}

/** The region of a project's Storage. Signatures tell Supabase's own apart by it; elsewhere it is a word like `local`. */
export function regionOfStorage({ endpoint, region }: { endpoint: string; region: string }): string | undefined {
  return /\.supabase\.(?:co|com|red|green)$/.test(new URL(endpoint).hostname) ? region : undefined;
}
