import type { Policy } from "../../config/policy/policy.ts";
import type { Json, Values } from "./document.ts";

const bucket = { Type: "String", AllowedPattern: "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$" };
const number = (Description: string, Default: number, MaxValue: number): Json => ({
  ...{ Type: "Number", Description, Default, MinValue: 1, MaxValue },
});

/** What the owner says of their own, as CloudFormation asks for it. */
export const parameters = {
  Project: {
    ...{ Type: "String", AllowedPattern: "^[a-z0-9][a-z0-9-]{0,30}$" },
    Description:
      "project.name of the policy, in small letters: tells the roles of several projects in one account apart",
  },
  DatabaseBucket: { ...bucket, Description: "S3_BACKUP_BUCKET" },
  FilesBucket: { ...bucket, Description: "S3_STORAGE_BUCKET; the same one where there is only one" },
  ReplicaBucket: {
    ...bucket,
    Description: "S3_REPLICA_BUCKET, to which both are replicated; the same as DatabaseBucket where there is none",
  },
  Regions: {
    ...{ Type: "CommaDelimitedList" },
    Description: "regions of the policy: in any other nothing is taken and nothing is given",
  },
  ArchiveClass: {
    ...{ Type: "String", AllowedValues: ["GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"], Default: "GLACIER" },
    Description: "archive.storageClass of the policy",
  },
  ArchiveAfterDays: number("archive.afterDays of the policy", 1, 3650),
  // A text, because it stands in conditions of policies, which compare texts.
  LongestLockDays: {
    ...{ Type: "String", AllowedPattern: "^[1-9][0-9]{0,4}$", Default: "2587" },
    Description: "The longest lock that anybody may set, in days",
  },
  Repository: {
    Type: "String",
    // No star, and no colon: whoever could write one would choose whom the roles trust.
    AllowedPattern: "^[A-Za-z0-9_.-]+(@[0-9]+)?/[A-Za-z0-9_.-]+(@[0-9]+)?$",
    Description: "owner/name as GitHub presents the repository; with ids where it does: owner@id/name@id",
  },
  GitHubProvider: {
    ...{ Type: "String", Default: "" },
    AllowedPattern: "^$|^arn:aws:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$",
    Description: "ARN of the account's OIDC provider for GitHub; empty: the stack makes it. An account has only one",
  },
  AlarmEmail: {
    ...{ Type: "String", AllowedPattern: "^[^@\\s]+@[^@\\s]+$" },
    Description: "Who is told when no new set comes",
  },
  AlarmHours: number("Hours without a new set after which the alarm rings", 20, 168),
} as const satisfies Record<string, Json>;

export type ParameterName = keyof typeof parameters;

/** What the owner has to say, beside the policy. */
export interface Place {
  readonly database: string;
  /** The database's own where there is only one. */
  readonly files: string;
  /** Undefined: there is none. */
  readonly replica: string | undefined;
  /** What GitHub's subjects say after `repo:`. */
  readonly repository: string;
  /** Undefined: the account has none yet. */
  readonly provider: string | undefined;
  readonly alarmEmail: string;
}

/** Time for a clock that is ahead, and for a term that counts from a day later. */
const spareDays = 30;

/** The longest lock that Lifeboat sets by this policy. */
export function longestLockDays({ tiers, retention, storage, repair }: Policy): number {
  const terms = Object.values(tiers).map(({ retentionDays }) => retentionDays);
  const records = Object.values(retention.records);
  return Math.max(...terms, ...records, storage.retention.lockDays, repair.lockDays) + spareDays;
}

/** As IAM's paths and AWS's names take it. */
export function projectName({ project }: Pick<Policy, "project">): string {
  const name = project.name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")
    .slice(0, 31);
  return name === "" ? "lifeboat" : name;
}

/** The parameters' values by policy and place. */
export function valuesOf(
  policy: Policy,
  place: Place,
): Values & Readonly<Record<ParameterName, string | readonly string[]>> {
  return {
    Project: projectName(policy),
    DatabaseBucket: place.database,
    FilesBucket: place.files,
    ReplicaBucket: place.replica ?? place.database,
    Regions: policy.regions,
    ArchiveClass: policy.archive.storageClass,
    ArchiveAfterDays: String(policy.archive.afterDays),
    LongestLockDays: String(longestLockDays(policy)),
    Repository: place.repository,
    GitHubProvider: place.provider ?? "",
    AlarmEmail: place.alarmEmail,
    AlarmHours: "20",
  };
}
