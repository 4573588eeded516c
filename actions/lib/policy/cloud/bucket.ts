import { archiveRule } from "../../vault/bucket/lifecycle.ts";
import { type Bucket, type Json, onlyWith, type Statement, within } from "./document.ts";
import { tooLong } from "./role-statements.ts";

/** What S3 copies into the replica, of both buckets of the vault: what a restore needs and what speaks for it. */
export const replicated = [
  "audit/",
  "database/",
  "erasures/",
  "escrow/",
  "files/",
  "holds/",
  "incident/",
  "kit/",
  "packs/",
  "proofs/",
  "repairs/",
  "reports/",
  "retention/",
  "snapshots/",
];

/** What is written again and again under the same name: only there may a lifecycle rule remove what was replaced. */
export const rewritten = ["leases/", "probe/", "upkeep/"];

/** Days after which what a run that died has uploaded in part goes, where retention does not come by. */
const unfinishedDays = 7;
/** Days that a replaced version below `rewritten` stays. */
const replacedDays = 30;

/** A rule in CloudFormation's words. */
export interface LifecycleWish {
  readonly Id: string;
  readonly Status: "Enabled";
  readonly Prefix?: string;
  readonly TagFilters?: Json;
  readonly Transitions?: Json;
  readonly AbortIncompleteMultipartUpload?: Json;
  readonly NoncurrentVersionExpiration?: Json;
}

/** The rules of every bucket. The archives' is that which the preflight asks for. */
export function lifecycleRules(): readonly LifecycleWish[] {
  const { ID = "", Filter } = archiveRule({ storageClass: "GLACIER", afterDays: 1, retentionDays: 1 });
  const { Prefix = "", Tags = [] } = Filter?.And ?? {};
  return [
    {
      ...{ Id: ID, Status: "Enabled", Prefix },
      TagFilters: Tags.map(({ Key = "", Value = "" }) => ({ Key, Value })),
      Transitions: [{ StorageClass: "${ArchiveClass}", TransitionInDays: "${ArchiveAfterDays}" }],
    },
    {
      ...{ Id: "lifeboat-unfinished", Status: "Enabled" },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: unfinishedDays },
    },
    ...rewritten.map(
      (Prefix): LifecycleWish => ({
        ...{ Id: `lifeboat-replaced-${Prefix.slice(0, -1)}`, Status: "Enabled", Prefix },
        NoncurrentVersionExpiration: { NoncurrentDays: replacedDays },
      }),
    ),
  ];
}

/** The role that undoes locks to erase a person, by its path: IAM's names end in something random. */
const eraser = "arn:aws:iam::${AWS::AccountId}:role/lifeboat/${Project}/erasure/*";

/** What holds for everybody who works with a bucket, its administrators included, until they change this. */
export function bucketStatements(bucket: Bucket): readonly Statement[] {
  const here = within(bucket);
  const objects = here("*");
  const all = [...here(), ...objects];
  const refuse = (
    Sid: string,
    Action: readonly string[],
    Resource: readonly string[],
    Condition?: Statement["Condition"],
  ) => ({
    ...{ Sid, Effect: "Deny" as const, Principal: "*", Action: Action.map((action) => `s3:${action}`), Resource },
    ...(Condition !== undefined && { Condition }),
  });
  return [
    refuse("OnlyTls", ["*"], all, { Bool: { "aws:SecureTransport": "false" } }),
    refuse("OnlyNewTls", ["*"], all, { NumericLessThan: { "s3:TlsVersion": "1.2" } }),
    refuse("OnlyAllowedRegions", ["*"], all, { StringNotEquals: { "aws:RequestedRegion": "${Regions}" } }),
    refuse("NoKeysOfStrangers", ["PutObject"], objects, {
      Null: { "s3:x-amz-server-side-encryption-customer-algorithm": "false" },
    }),
    refuse("NoLocksForEver", ["PutObject", "PutObjectRetention", "ReplicateObject"], objects, tooLong),
    refuse("NobodyUnlocks", ["BypassGovernanceRetention"], objects, {
      ArnNotLike: { "aws:PrincipalArn": eraser },
    }),
    refuse("NobodyHides", ["DeleteObject"], objects),
    refuse("NobodyRemovesTheBucket", ["DeleteBucket"], here()),
  ];
}

/** A bucket of the vault, or the replica of both, as CloudFormation has it; but for its policy. */
export function bucketProperties(bucket: Bucket): { readonly [property: string]: Json } {
  const name = `\${${bucket}}`;
  return {
    BucketName: name,
    VersioningConfiguration: { Status: "Enabled" },
    ObjectLockEnabled: true,
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    },
    OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
    },
    LifecycleConfiguration: { Rules: lifecycleRules() as unknown as Json },
    ...(bucket !== "ReplicaBucket" && { ReplicationConfiguration: onlyWith("HasReplica", replication()) }),
    ...(bucket !== "ReplicaBucket" && {
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    }),
    Tags: [
      { Key: "lifeboat", Value: bucket === "ReplicaBucket" ? "replica" : "vault" },
      { Key: "lifeboat-project", Value: "${Project}" },
    ],
  };
}

function replication(): Json {
  return {
    Role: "${ReplicationRole.Arn}",
    Rules: replicated.map((prefix, place) => ({
      Id: `lifeboat-${prefix.slice(0, -1)}`,
      Priority: place + 1,
      Status: "Enabled",
      Filter: { Prefix: prefix },
      // A marker hides: what somebody hides in the vault stays to be seen in the replica.
      DeleteMarkerReplication: { Status: "Disabled" },
      Destination: { Bucket: "arn:aws:s3:::${ReplicaBucket}" },
    })),
  };
}

/** What S3 may do to copy: it reads versions with tag, lock and hold, and writes them on the other side. */
export function replicationStatements(): readonly Statement[] {
  const both = (...paths: string[]) => [...within("DatabaseBucket")(...paths), ...within("FilesBucket")(...paths)];
  const allow = (Sid: string, actions: readonly string[], Resource: readonly string[]): Statement => ({
    ...{ Sid, Effect: "Allow", Action: actions.map((action) => `s3:${action}`), Resource },
  });
  return [
    allow("ReadsRules", ["GetReplicationConfiguration", "ListBucket"], both()),
    allow(
      "ReadsVersions",
      [
        "GetObjectVersionForReplication",
        "GetObjectVersionAcl",
        "GetObjectVersionTagging",
        "GetObjectRetention",
        "GetObjectLegalHold",
      ],
      both("*"),
    ),
    allow("Replicates", ["ReplicateObject", "ReplicateTags"], within("ReplicaBucket")("*")),
  ];
}
