import * as s3 from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { bucketStatements, lifecycleRules } from "../../actions/lib/policy/cloud/bucket.ts";
import { bucketDrift } from "../../actions/lib/policy/cloud/bucket-drift.ts";
import {
  type Bucket,
  filled,
  type Json,
  policyDocument,
  type Values,
} from "../../actions/lib/policy/cloud/document.ts";
import { compareProperties } from "../../actions/lib/policy/cloud/property.ts";
import { readProperties } from "../../actions/lib/vault/bucket/properties.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { apiRule, putLifecycle, putPolicy } from "../lab/cloud/complete-bucket.ts";
import { buckets, openProvisionLab, type ProvisionLab } from "./provision-lab.ts";

/**
 * An account as it should be in moto, in which one thing at a time is changed: the check names it, and nothing else. What moto does not
 * keep is kept by a proxy in front of it: prefixes of replication rules, and that EventBridge is told.
 */

let lab: ProvisionLab;
let values: Values;
beforeAll(async () => {
  lab = await openProvisionLab();
  vi.stubEnv("AWS_ACCESS_KEY_ID", lab.client.credentials.accessKeyId);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", lab.client.credentials.secretAccessKey);
  await lab.make();
  values = await lab.values();
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await lab?.[Symbol.asyncDispose]();
});

test("an account that was just made has no drift, and the command says how many properties it compared", async () => {
  const { code, stdout } = await lab.run(["check"]);
  const result = JSON.parse(stdout);
  expect(result.drifts).toEqual([]);
  expect(result.unknown).toEqual([]);
  expect(code).toBe(0);
  expect(result.looked).toBeGreaterThan(200);
});

test("a change is named by the command with what it should be and what to do, and ends it with 1", async () => {
  const client = lab.s3("FilesBucket");
  const off = { VersioningConfiguration: { Status: "Suspended" } } as const;
  await client.send(new s3.PutBucketVersioningCommand({ Bucket: buckets.FilesBucket, ...off }));
  const { code, stdout } = await lab.run(["check"]);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).drifts).toEqual([
    {
      ...{ name: "bucket of the files: versioning", level: "critical", wanted: "Enabled", found: "Suspended" },
      next: "S3, bucket acme-files, Properties: enable Bucket Versioning.",
    },
  ]);
  await lab.complete("FilesBucket");
});

/** What of a bucket differs. */
async function driftOf(bucket: Bucket): Promise<string[]> {
  const region = bucket === "ReplicaBucket" ? "eu-central-1" : lab.client.region;
  using vault = openVault({ ...lab.client, region, bucket: buckets[bucket] });
  return compareProperties(bucketDrift(bucket, values, await readProperties(vault))).drifts.map(({ name }) => name);
}

type Change = (client: s3.S3Client, Bucket: string, bucket: Bucket) => Promise<unknown>;

const withBlock =
  (name: string): Change =>
  (client, Bucket) => {
    const all = { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true };
    return client.send(
      new s3.PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: { ...all, [name]: false } }),
    );
  };
const rulesBut =
  (change: (rules: ReturnType<typeof apiRule>[]) => ReturnType<typeof apiRule>[]): Change =>
  (client, Bucket) => {
    const all = filled(lifecycleRules() as unknown as Json, values) as unknown as Parameters<typeof apiRule>[0][];
    return putLifecycle(client, Bucket, change(all.map(apiRule)));
  };
type Statements = { Sid: string; [name: string]: unknown }[];
const policyBut =
  (change: (all: Statements) => Statements): Change =>
  (client, Bucket, bucket) => {
    const all = (filled(policyDocument(bucketStatements(bucket)), values) as { Statement: Statements }).Statement;
    return putPolicy(client, Bucket, { Version: "2012-10-17", Statement: change(all) } as Json);
  };
const without = (sid: string): Change => policyBut((all) => all.filter(({ Sid }) => Sid !== sid));
const with_ = (sid: string, change: object): Change =>
  policyBut((all) => all.map((one) => (one.Sid === sid ? { ...one, ...change } : one)));

const ofBuckets: readonly (readonly [string, Change])[] = [
  [
    "versioning",
    (client, Bucket) =>
      client.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } })),
  ],
  ...["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"].map(
    (name) => [`public access, ${name}`, withBlock(name)] as const,
  ),
  [
    "ownership",
    (client, Bucket) =>
      client.send(
        new s3.PutBucketOwnershipControlsCommand({
          Bucket,
          OwnershipControls: { Rules: [{ ObjectOwnership: "ObjectWriter" }] },
        }),
      ),
  ],
  [
    "encryption",
    (client, Bucket) =>
      client.send(
        new s3.PutBucketEncryptionCommand({
          Bucket,
          ServerSideEncryptionConfiguration: {
            Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" } }],
          },
        }),
      ),
  ],
  [
    "acceleration",
    (client, Bucket) =>
      client.send(
        new s3.PutBucketAccelerateConfigurationCommand({ Bucket, AccelerateConfiguration: { Status: "Enabled" } }),
      ),
  ],
  [
    "tag lifeboat",
    (client, Bucket) =>
      client.send(
        new s3.PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: [{ Key: "lifeboat-project", Value: "qimma" }] } }),
      ),
  ],
  [
    "lifecycle lifeboat-archive",
    rulesBut(([archive, ...rest]) => [
      { ...archive, Transitions: [{ Days: 1, StorageClass: "DEEP_ARCHIVE" }] } as never,
      ...rest,
    ]),
  ],
  ["lifecycle lifeboat-unfinished", rulesBut((all) => all.filter(({ ID }) => ID !== "lifeboat-unfinished"))],
  [
    "lifecycle lifeboat-replaced-leases",
    rulesBut((all) => all.map((one) => (one.ID === "lifeboat-replaced-leases" ? { ...one, Status: "Disabled" } : one))),
  ],
  [
    "lifecycle, other rules",
    rulesBut((all) => [
      ...all,
      {
        ID: "tidy",
        Status: "Enabled",
        Filter: { Prefix: "database/" },
        NoncurrentVersionExpiration: { NoncurrentDays: 1 },
      },
    ]),
  ],
  ["policy, statement OnlyTls", without("OnlyTls")],
  ["policy, statement OnlyNewTls", with_("OnlyNewTls", { Condition: { NumericLessThan: { "s3:TlsVersion": "1.0" } } })],
  [
    "policy, statement OnlyAllowedRegions",
    with_("OnlyAllowedRegions", {
      Condition: { StringNotEquals: { "aws:RequestedRegion": ["us-east-1", "eu-central-1", "us-west-2"] } },
    }),
  ],
  ["policy, statement NoKeysOfStrangers", with_("NoKeysOfStrangers", { Effect: "Allow" })],
  ["policy, statement NoLocksForEver", without("NoLocksForEver")],
  [
    "policy, statement NobodyUnlocks",
    with_("NobodyUnlocks", { Condition: { ArnNotLike: { "aws:PrincipalArn": "*" } } }),
  ],
  ["policy, statement NobodyHides", with_("NobodyHides", { Resource: ["arn:aws:s3:::other/*"] })],
  ["policy, statement NobodyRemovesTheBucket", without("NobodyRemovesTheBucket")],
  [
    "policy, other statements",
    policyBut((all) => [
      ...all,
      { Sid: "Public", Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::x/*" },
    ]),
  ],
];

describe.each(["DatabaseBucket", "ReplicaBucket"] as const)("of %s, changed alone", (bucket) => {
  test.each(ofBuckets)("%s", async (what, change) => {
    await change(lab.s3(bucket), buckets[bucket], bucket);
    expect(await driftOf(bucket)).toEqual([
      `bucket of the ${bucket === "ReplicaBucket" ? "replica" : "database"}: ${what}`,
    ]);
    await undo(bucket);
  });
});

/** Puts back what `completeBucket` leaves to CloudFormation as well. */
async function undo(bucket: Bucket): Promise<void> {
  const [client, Bucket] = [lab.s3(bucket), buckets[bucket]];
  await lab.complete(bucket);
  await client.send(
    new s3.PutBucketEncryptionCommand({
      Bucket,
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
      },
    }),
  );
  await client.send(
    new s3.PutBucketAccelerateConfigurationCommand({ Bucket, AccelerateConfiguration: { Status: "Suspended" } }),
  );
  const kind = bucket === "ReplicaBucket" ? "replica" : "vault";
  const TagSet = [
    { Key: "lifeboat", Value: kind },
    { Key: "lifeboat-project", Value: "qimma" },
  ];
  await client.send(new s3.PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
}

test("of the vault's bucket: that EventBridge is told, and each rule of replication, changed alone", async () => {
  const [client, Bucket] = [lab.s3("DatabaseBucket"), buckets.DatabaseBucket];
  await client.send(new s3.PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: {} }));
  expect(await driftOf("DatabaseBucket")).toEqual(["bucket of the database: events"]);
  await lab.complete("DatabaseBucket");
  const { ReplicationConfiguration: found } = await client.send(new s3.GetBucketReplicationCommand({ Bucket }));
  const put = (change: object): Promise<unknown> =>
    client.send(
      new s3.PutBucketReplicationCommand({ Bucket, ReplicationConfiguration: { ...found, ...change } as never }),
    );
  await put({ Role: "arn:aws:iam::1:role/other" });
  expect(await driftOf("DatabaseBucket")).toEqual(["bucket of the database: replication, role"]);
  const [first, ...rest] = found?.Rules ?? [];
  for (const rules of [
    rest,
    [{ ...first, Status: "Disabled" }, ...rest],
    [{ ...first, DeleteMarkerReplication: { Status: "Enabled" } }, ...rest],
    [{ ...first, Destination: { Bucket: "arn:aws:s3:::elsewhere" } }, ...rest],
  ]) {
    await put({ Rules: rules });
    expect(await driftOf("DatabaseBucket")).toEqual(["bucket of the database: replication of audit/"]);
  }
  await lab.complete("DatabaseBucket");
});

test("of a bucket that is not there only that is said", () =>
  expect(compareProperties(bucketDrift("FilesBucket", values, undefined)).drifts).toMatchObject([
    { name: "bucket of the files", found: "missing" },
  ]));
