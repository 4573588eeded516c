import { readAlarm } from "../../../aws/alarm.ts";
import { findProvider, readManaged, readRoles } from "../../../aws/identity.ts";
import { readRule } from "../../../aws/rule.ts";
import { LifeboatError } from "../../../base/errors.ts";
import type { VaultLocation } from "../../../config/vault-location.ts";
import { type AccountFacts, accountDrift } from "../../../policy/cloud/account-drift.ts";
import { alarmName, ruleName } from "../../../policy/cloud/alarm.ts";
import { bucketDrift } from "../../../policy/cloud/bucket-drift.ts";
import { type Bucket, filled, type Values } from "../../../policy/cloud/document.ts";
import { projectName, valuesOf } from "../../../policy/cloud/parameters.ts";
import { type Compared, compareProperties, type Property } from "../../../policy/cloud/property.ts";
import { issuer } from "../../../policy/cloud/trust.ts";
import type { Context } from "../../context.ts";
import { accountPlace, type Buckets, bucketsOf, subjectOf } from "../place.ts";
import { readBucket } from "../read-bucket.ts";

export interface CloudStanding extends Compared {
  /** False: no role of this project is there, so nobody has run `lifeboat provision aws` here. */
  readonly provisioned: boolean;
}

/**
 * Asks S3, IAM, CloudWatch and EventBridge for everything that the description of the account names, and compares.
 * @param repository as GitHub's subjects name it; undefined: GitHub is asked
 * @throws LifeboatError when the account cannot be asked at all
 */
export async function lookAtCloud(context: Context, repository?: string): Promise<CloudStanding> {
  const buckets = bucketsOf(context);
  const places = placesOf(buckets);
  const looks = places.map(async ([bucket, place]) => [bucket, await readBucket(place)] as const);
  const around = [readAccount(context, buckets.database.region), askSubject(context, repository)] as const;
  // Nothing is under way any more when a failure is told.
  await Promise.allSettled([...around, ...looks]);
  const [account, subject, facts] = await Promise.all([...around, Promise.all(looks)]);
  const values = valuesAround(context, buckets, account, subject);
  const ofAccount = accountDrift(account, values);
  const known = "why" in subject ? ofAccount.map((one) => withoutSubject(one, subject.why)) : ofAccount;
  const properties = [...facts.flatMap(([bucket, found]) => bucketDrift(bucket, values, found)), ...known];
  return { ...compareProperties(properties), provisioned: account.roles.length > 0 };
}

function placesOf({ database, files, replica }: Buckets): readonly (readonly [Bucket, VaultLocation])[] {
  return [
    ["DatabaseBucket", database],
    ...(files.bucket === database.bucket ? [] : [["FilesBucket", files] as const]),
    ...(replica === undefined ? [] : [["ReplicaBucket", replica] as const]),
  ];
}

async function readAccount(context: Context, region: string): Promise<AccountFacts> {
  const place = accountPlace(context.env, region);
  const Project = projectName(context.config().policy);
  const named = (text: string): string => String(filled(text, { Project }));
  const below = `/lifeboat/${Project}/`;
  const [roles, managed, provider, rule, alarm] = await Promise.all([
    readRoles(place, below),
    readManaged(place, below),
    findProvider(place, issuer),
    readRule(place, named(ruleName)),
    readAlarm(place, named(alarmName)),
  ]);
  return { roles, managed, provider, rule, alarm };
}

type Subject = { readonly repository: string } | { readonly why: string };

async function askSubject(context: Context, repository: string | undefined): Promise<Subject> {
  try {
    return { repository: await subjectOf(context, repository) };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return { why: error.message };
  }
}

function withoutSubject(property: Property, why: string): Property {
  return property.name.endsWith(": whom it trusts") ? { ...property, unknown: why } : property;
}

function valuesAround(
  context: Context,
  { database, files, replica }: Buckets,
  account: AccountFacts,
  subject: Subject,
): Values {
  const arns = [...account.roles, ...account.managed].map(({ arn }) => arn);
  const replication = account.roles.find(({ path }) => path.endsWith("/replication/"));
  return {
    ...valuesOf(context.config().policy, {
      ...{ database: database.bucket, files: files.bucket, replica: replica?.bucket },
      repository: "repository" in subject ? subject.repository : "unknown/unknown",
      provider: account.provider?.arn ?? "none",
      alarmEmail: "",
    }),
    "AWS::AccountId": (account.provider?.arn ?? arns[0] ?? "").split(":")[4] ?? "",
    "ReplicationRole.Arn": replication?.arn ?? "none",
  };
}
