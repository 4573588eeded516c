import { ConfigurationError } from "../base/errors.ts";
import { type Environment, optional } from "./environment.ts";
import type { Problems } from "./problems.ts";

/** Where a bucket is. Credentials are found by the AWS SDK itself, in the environment or by an OIDC role, where none are given. */
export interface VaultLocation {
  readonly bucket: string;
  readonly region: string;
  /** Set for S3-compatible stores; AWS itself needs none. */
  readonly endpoint: string | undefined;
  /** As the SDK takes them: asked for when a request is signed, so that printing a location tells no secret. */
  readonly credentials?: () => Promise<BucketCredentials>;
  /** The policy's regions: in any other, nothing is asked of the bucket. Undefined where the policy cannot be read. */
  readonly regions?: readonly string[] | undefined;
  /** Nothing is written to it: it stands in for the vault. */
  readonly readOnly?: boolean;
}

interface BucketCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Where the machine is that runs Lifeboat, as its owner says: GitHub does not tell where its own runners are. */
export const runnerRegion = "LIFEBOAT_RUNNER_REGION";

/** In words for people, as far as its owner has said it: no more is known. */
export function runnerPlace(env: Environment): string {
  const told = optional(env, runnerRegion);
  if (told !== undefined) return `in ${told}, by ${runnerRegion}`;
  return optional(env, "RUNNER_ENVIRONMENT") === "github-hosted"
    ? "GitHub's own: where it is, nobody says, and plaintext passes through it"
    : `${runnerRegion} is not set: where this machine is, is not known, and plaintext passes through it`;
}

/** @param regions of the policy */
export function readVault(
  env: Environment,
  variable: string,
  problems: Problems,
  regions: readonly string[] | undefined,
): VaultLocation | undefined {
  const bucket = optional(env, variable) ?? problems.add(variable, "is not set; it is the bucket of the vault.");
  if (bucket !== undefined) addProblem(problems, variable, nameProblem(bucket));
  const region =
    optional(env, "AWS_REGION") ??
    optional(env, "AWS_DEFAULT_REGION") ??
    problems.add("AWS_REGION", "is not set; it is the region of the vault's bucket.");
  const endpoint = readEndpoint(env, ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"], problems, regions);
  const halves = [optional(env, "AWS_ACCESS_KEY_ID"), optional(env, "AWS_SECRET_ACCESS_KEY")];
  if (halves.filter((half) => half !== undefined).length === 1) {
    problems.add("AWS_ACCESS_KEY_ID", "and AWS_SECRET_ACCESS_KEY must be set together, or neither (for a role).");
  }
  return bucket === undefined || region === undefined ? undefined : { bucket, region, endpoint, regions };
}

/** Whether the vault has a bucket for files. */
export function hasFilesVault(env: Environment): boolean {
  return optional(env, "S3_STORAGE_BUCKET") !== undefined;
}

/** Whether a replica of the vault is set. */
export function hasReplica(env: Environment): boolean {
  return optional(env, "S3_REPLICA_BUCKET") !== undefined;
}

/**
 * The bucket to which both buckets of the vault are replicated: S3_REPLICA_BUCKET and S3_REPLICA_REGION; for a store of its own
 * S3_REPLICA_ENDPOINT_URL, for an account of its own S3_REPLICA_ACCESS_KEY_ID, _SECRET_ACCESS_KEY and _SESSION_TOKEN. What is not
 * set is the vault's.
 * @param regions of the policy
 */
export function readReplica(
  env: Environment,
  problems: Problems,
  regions: readonly string[] | undefined,
): VaultLocation | undefined {
  const name = "S3_REPLICA_BUCKET";
  const bucket =
    optional(env, name) ?? problems.add(name, "is not set; it is the bucket that the vault is replicated to.");
  const region =
    optional(env, "S3_REPLICA_REGION") ??
    problems.add("S3_REPLICA_REGION", "is not set; it is the region of the replica's bucket.");
  const own = ["S3_REPLICA_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
  const endpoint = readEndpoint(env, own, problems, regions);
  const credentials = readCredentials(env, problems);
  if (bucket === undefined || region === undefined) return undefined;
  addProblem(problems, name, nameProblem(bucket));
  if (bucket === optional(env, "S3_BACKUP_BUCKET") || bucket === optional(env, "S3_STORAGE_BUCKET"))
    problems.add(name, "is a bucket of the vault itself: a replica is another bucket, in another region.");
  return { bucket, region, endpoint, regions, ...(credentials && { credentials }) };
}

function readCredentials(env: Environment, problems: Problems): VaultLocation["credentials"] {
  const accessKeyId = optional(env, "S3_REPLICA_ACCESS_KEY_ID");
  const secret = optional(env, "S3_REPLICA_SECRET_ACCESS_KEY");
  const token = optional(env, "S3_REPLICA_SESSION_TOKEN");
  if (accessKeyId !== undefined && secret !== undefined)
    return async () => ({ accessKeyId, secretAccessKey: secret, ...(token !== undefined && { sessionToken: token }) });
  if (accessKeyId !== undefined || secret !== undefined)
    problems.add("S3_REPLICA_ACCESS_KEY_ID", "and S3_REPLICA_SECRET_ACCESS_KEY must be set together, or neither.");
  return undefined;
}

function readEndpoint(
  env: Environment,
  names: readonly string[],
  problems: Problems,
  regions: readonly string[] | undefined,
): string | undefined {
  const name = names.find((one) => optional(env, one) !== undefined);
  const endpoint = name === undefined ? undefined : optional(env, name);
  if (name === undefined || endpoint === undefined) return undefined;
  if (URL.canParse(endpoint)) addProblem(problems, name, endpointProblem(endpoint, regions));
  else problems.add(name, "is not a URL.");
  return endpoint;
}

function addProblem(problems: Problems, setting: string, problem: string | undefined): void {
  if (problem !== undefined) problems.add(setting, problem);
}

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

/** The region of a project's Storage. Signatures tell Supabase's own apart by it; elsewhere it is a word like `local`. */
export function regionOfStorage({ endpoint, region }: { endpoint: string; region: string }): string | undefined {
  return /\.supabase\.(?:co|com|red|green)$/.test(new URL(endpoint).hostname) ? region : undefined;
}
