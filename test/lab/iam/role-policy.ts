import { bucketStatements } from "../../../actions/lib/policy/cloud/bucket.ts";
import { type Bucket, filled, type Json, type Values } from "../../../actions/lib/policy/cloud/document.ts";
import { type RoleName, roles, statementsOf } from "../../../actions/lib/policy/cloud/roles.ts";
import { type AnyStatement, evaluate, type Verdict } from "./evaluate.ts";
import { account, type S3Facts, s3Request } from "./s3-request.ts";

export interface Names {
  readonly database: string;
  readonly files: string;
  readonly replica?: string;
}

/** The parameters of the stacks, for buckets of these names; the policy's regions are Qimma's. */
export function valuesFor({ database, files, replica }: Names): Values {
  return {
    ...{ DatabaseBucket: database, FilesBucket: files, ReplicaBucket: replica ?? "no-replica" },
    ...{ Project: "qimma", Regions: ["us-east-1", "eu-central-1"], LongestLockDays: "2587" },
    "AWS::AccountId": account,
  };
}

/** All that a role may and may not in these buckets. */
export function policyOf(role: RoleName, names: Names): readonly AnyStatement[] {
  return statementsIn(statementsOf(roles[role]) as unknown as Json, names);
}

/** What holds for everybody in one of them. */
export function policyOfBucket(bucket: Bucket, names: Names): readonly AnyStatement[] {
  return statementsIn(bucketStatements(bucket) as unknown as Json, names);
}

function statementsIn(statements: Json, names: Names): readonly AnyStatement[] {
  return filled(statements, valuesFor(names)) as unknown as readonly AnyStatement[];
}

/** Who a job with the role is. */
export function principalOf(role: RoleName): string {
  return `arn:aws:iam::${account}:role/lifeboat/qimma/${role}/lifeboat-qimma-access-1`;
}

/** Whether a policy allows it, the bucket's own left aside. */
export function allows(
  identity: readonly AnyStatement[],
  action: string,
  resource: string,
  facts: S3Facts = {},
): boolean {
  return evaluate({ identity }, s3Request(action, resource, facts)) === "allowed";
}

/** What IAM and the buckets say together of a request of a role. @param resource ARN */
export function verdictOn(
  role: RoleName,
  names: Names,
  action: string,
  resource: string,
  facts: S3Facts = {},
): Verdict {
  const bucket = /^arn:aws:s3:::([^/]+)/.exec(resource)?.[1];
  const which = bucket === names.database ? "DatabaseBucket" : bucket === names.files ? "FilesBucket" : "ReplicaBucket";
  return evaluate(
    { identity: policyOf(role, names), resource: policyOfBucket(which, names) },
    s3Request(action, resource, { principal: principalOf(role), ...facts }),
  );
}
