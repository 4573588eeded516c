import {
  PutBucketLifecycleConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { bucketProperties, bucketStatements, type LifecycleWish } from "../../../actions/lib/policy/cloud/bucket.ts";
import {
  type Bucket,
  filled,
  type Json,
  policyDocument,
  type Values,
} from "../../../actions/lib/policy/cloud/document.ts";

/** moto's CloudFormation makes a bucket with its encryption and tags, and leaves out all else: this asks S3's API for the rest. */
export async function completeBucket(client: S3Client, bucket: Bucket, values: Values): Promise<void> {
  const wanted = filled(bucketProperties(bucket), values) as Record<string, never>;
  const Bucket = String(values[bucket]);
  await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  await client.send(
    new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: { ObjectLockEnabled: "Enabled" } }),
  );
  await client.send(
    new PutPublicAccessBlockCommand({
      Bucket,
      PublicAccessBlockConfiguration: wanted["PublicAccessBlockConfiguration"],
    }),
  );
  await client.send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: wanted["OwnershipControls"] }));
  const { Rules } = wanted["LifecycleConfiguration"] as unknown as { Rules: readonly LifecycleWish[] };
  await putLifecycle(client, Bucket, Rules.map(apiRule));
  if (wanted["ReplicationConfiguration"] !== undefined)
    await client.send(
      new PutBucketReplicationCommand({
        Bucket,
        ReplicationConfiguration: apiReplication(wanted["ReplicationConfiguration"]),
      }),
    );
  if (wanted["NotificationConfiguration"] !== undefined)
    await client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      }),
    );
  await putPolicy(client, Bucket, filled(policyDocument(bucketStatements(bucket)), values));
}

export async function putPolicy(client: S3Client, Bucket: string, document: Json): Promise<void> {
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(document) }));
}

type ApiRule = NonNullable<
  NonNullable<
    ConstructorParameters<typeof PutBucketLifecycleConfigurationCommand>[0]["LifecycleConfiguration"]
  >["Rules"]
>[number];

export async function putLifecycle(client: S3Client, Bucket: string, Rules: ApiRule[]): Promise<void> {
  await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
}

/** CloudFormation's words in those of S3's API. */
export function apiRule({ Id, Status, Prefix = "", TagFilters, Transitions, ...rest }: LifecycleWish): ApiRule {
  const Tags = TagFilters as { Key: string; Value: string }[] | undefined;
  const moves = Transitions as { StorageClass: "GLACIER"; TransitionInDays: string }[] | undefined;
  return {
    ...{ ID: Id, Status },
    Filter: Tags === undefined ? { Prefix } : { And: { Prefix, Tags } },
    ...(moves !== undefined && {
      Transitions: moves.map(({ StorageClass, TransitionInDays }) => ({
        StorageClass,
        Days: Number(TransitionInDays),
      })),
    }),
    ...(rest as object),
  };
}

type ApiReplication = NonNullable<
  ConstructorParameters<typeof PutBucketReplicationCommand>[0]["ReplicationConfiguration"]
>;

function apiReplication({ Role, Rules }: { Role: string; Rules: { Id: string }[] }): ApiReplication {
  return { Role, Rules: Rules.map(({ Id, ...rule }) => ({ ID: Id, ...rule }) as never) };
}
