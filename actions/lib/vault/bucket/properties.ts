import {
  GetBucketAccelerateConfigurationCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketReplicationCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  type LifecycleRule,
  type ReplicationRule,
  type S3Client,
} from "@aws-sdk/client-s3";
import { readAnswer } from "../../s3/store-errors.ts";
import { asFact, type Fact, known, regionOf } from "../s3/bucket-facts.ts";
import type { Vault } from "../s3/client.ts";

/** How a bucket is set up, in the words in which CloudFormation would be told to make it. */
export type BucketProperty = keyof typeof questions | "Region";
export type BucketProperties = Readonly<Record<BucketProperty, Fact<unknown>>>;

type Question = (client: S3Client, Bucket: string, abortSignal: AbortSignal) => Promise<unknown>;

/** S3 has a code of its own for each thing that a bucket can be without. */
const notThere =
  /^(?:NoSuch(?:PublicAccessBlockConfiguration|LifecycleConfiguration|TagSet|BucketPolicy)|OwnershipControlsNotFoundError|ServerSideEncryptionConfigurationNotFoundError|ReplicationConfigurationNotFoundError|ObjectLockConfigurationNotFoundError)$/;

const questions = {
  async VersioningConfiguration(client, Bucket, abortSignal) {
    const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket }), { abortSignal });
    return { Status: Status ?? "off" };
  },
  async ObjectLockEnabled(client, Bucket, abortSignal) {
    const found = await client.send(new GetObjectLockConfigurationCommand({ Bucket }), { abortSignal });
    return found.ObjectLockConfiguration?.ObjectLockEnabled === "Enabled";
  },
  async PublicAccessBlockConfiguration(client, Bucket, abortSignal) {
    const found = await client.send(new GetPublicAccessBlockCommand({ Bucket }), { abortSignal });
    return found.PublicAccessBlockConfiguration;
  },
  async OwnershipControls(client, Bucket, abortSignal) {
    const found = await client.send(new GetBucketOwnershipControlsCommand({ Bucket }), { abortSignal });
    return { Rules: found.OwnershipControls?.Rules?.map(({ ObjectOwnership }) => ({ ObjectOwnership })) };
  },
  async BucketEncryption(client, Bucket, abortSignal) {
    const found = await client.send(new GetBucketEncryptionCommand({ Bucket }), { abortSignal });
    const rules = found.ServerSideEncryptionConfiguration?.Rules ?? [];
    return {
      ServerSideEncryptionConfiguration: rules.map(({ ApplyServerSideEncryptionByDefault: given }) => ({
        ServerSideEncryptionByDefault: { SSEAlgorithm: given?.SSEAlgorithm },
      })),
    };
  },
  async LifecycleConfiguration(client, Bucket, abortSignal) {
    const { Rules = [] } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }), { abortSignal });
    return { Rules: Rules.map(lifecycleRule) };
  },
  async ReplicationConfiguration(client, Bucket, abortSignal) {
    const found = await client.send(new GetBucketReplicationCommand({ Bucket }), { abortSignal });
    const { Role, Rules = [] } = found.ReplicationConfiguration ?? {};
    return { Role, Rules: Rules.map(replicationRule) };
  },
  async NotificationConfiguration(client, Bucket, abortSignal) {
    const found = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }), { abortSignal });
    return found.EventBridgeConfiguration && { EventBridgeConfiguration: { EventBridgeEnabled: true } };
  },
  async Tags(client, Bucket, abortSignal) {
    return (await client.send(new GetBucketTaggingCommand({ Bucket }), { abortSignal })).TagSet;
  },
  async PolicyDocument(client, Bucket, abortSignal) {
    const { Policy } = await client.send(new GetBucketPolicyCommand({ Bucket }), { abortSignal });
    return Policy === undefined ? undefined : JSON.parse(Policy);
  },
  async AccelerateConfiguration(client, Bucket, abortSignal) {
    const { Status } = await client.send(new GetBucketAccelerateConfigurationCommand({ Bucket }), { abortSignal });
    return { AccelerationStatus: Status ?? "Suspended" };
  },
} satisfies Record<string, Question>;

/** Somebody waits for the table. */
const retry = { attempts: 3, totalSeconds: 20, stallSeconds: 10 };

/**
 * Asks for all of it at once; what a bucket is without is known to be `undefined`.
 * @throws ConfigurationError `s3-bucket-missing`, `s3-credentials`; OperationError `s3-unavailable`
 */
export async function readProperties(vault: Vault): Promise<BucketProperties> {
  // The first failure is told when none is under way any more.
  const all = Object.entries(questions);
  const asked = await Promise.allSettled(
    all.map(async ([name, question]) => {
      const fact = await asFact(() =>
        vault.transport.request({ operation: `Get${name}`, retry }, async ({ client, bucket, watch }) => {
          try {
            return known<unknown>(await question(client, bucket, watch.signal));
          } catch (error) {
            if (notThere.test(readAnswer(error).code)) return known<unknown>(undefined);
            throw error;
          }
        }),
      );
      return [name, fact] as const;
    }),
  );
  const facts = asked.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
  return { ...Object.fromEntries(facts), Region: await regionOf(vault.transport, retry) } as BucketProperties;
}

function lifecycleRule({ ID, Status, Filter, Prefix, ...rule }: LifecycleRule): object {
  const tags = [...(Filter?.Tag === undefined ? [] : [Filter.Tag]), ...(Filter?.And?.Tags ?? [])];
  const prefix = Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? "";
  return {
    ...{ Id: ID, Status },
    ...(prefix !== "" && { Prefix: prefix }),
    ...(tags.length > 0 && { TagFilters: tags }),
    ...(rule.Transitions !== undefined &&
      rule.Transitions.length > 0 && {
        Transitions: rule.Transitions.map(({ Days, StorageClass }) => ({ StorageClass, TransitionInDays: Days })),
      }),
    ...(rule.AbortIncompleteMultipartUpload !== undefined && {
      AbortIncompleteMultipartUpload: { ...rule.AbortIncompleteMultipartUpload },
    }),
    ...(rule.NoncurrentVersionExpiration !== undefined && {
      NoncurrentVersionExpiration: { ...rule.NoncurrentVersionExpiration },
    }),
    ...(rule.Expiration !== undefined && { Expiration: { ...rule.Expiration } }),
    ...(rule.NoncurrentVersionTransitions !== undefined && { NoncurrentVersionTransitions: true }),
  };
}

function replicationRule({
  ID,
  Priority,
  Status,
  Filter,
  DeleteMarkerReplication,
  Destination,
}: ReplicationRule): object {
  return {
    ...{ Id: ID, Priority, Status },
    Filter: { Prefix: Filter?.Prefix },
    DeleteMarkerReplication: { Status: DeleteMarkerReplication?.Status },
    Destination: { Bucket: Destination?.Bucket },
  };
}
