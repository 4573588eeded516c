import {
  CloudWatchClient,
  DeleteAlarmsCommand,
  DescribeAlarmsCommand,
  PutMetricAlarmCommand,
  type PutMetricAlarmCommandInput,
} from "@aws-sdk/client-cloudwatch";
import {
  DescribeRuleCommand,
  DisableRuleCommand,
  EnableRuleCommand,
  EventBridgeClient,
  PutRuleCommand,
} from "@aws-sdk/client-eventbridge";
import {
  AttachRolePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetRoleCommand,
  ListPoliciesCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
} from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readAlarm } from "../../actions/lib/aws/alarm.ts";
import { findProvider, readManaged, readRoles } from "../../actions/lib/aws/identity.ts";
import { readRule } from "../../actions/lib/aws/rule.ts";
import { accountDrift } from "../../actions/lib/policy/cloud/account-drift.ts";
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
import { roles } from "../../actions/lib/policy/cloud/roles.ts";
import { readProperties } from "../../actions/lib/vault/bucket/properties.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { apiRule, putLifecycle, putPolicy } from "../lab/cloud/complete-bucket.ts";
import { namesOfRoles, putInline } from "../lab/cloud/complete-roles.ts";
import { buckets, makeProvider, openProvisionLab, type ProvisionLab } from "./provision-lab.ts";

/**
 * An account as it should be in moto, in which one thing at a time is changed: the check names it, and nothing else. What moto does not
 * keep is kept by a proxy in front of it: prefixes of replication rules, and that EventBridge is told.
 */

let lab: ProvisionLab;
let values: Values;
let names: Map<string, string>;
beforeAll(async () => {
  lab = await openProvisionLab();
  vi.stubEnv("AWS_ACCESS_KEY_ID", lab.client.credentials.accessKeyId);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", lab.client.credentials.secretAccessKey);
  await lab.make();
  values = await lab.values();
  names = await namesOfRoles(lab.iam);
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

/** What of the account differs: everything is asked for anew. */
async function accountDrifts(): Promise<string[]> {
  const place = lab.client;
  const [found, managed, provider, rule, alarm] = await Promise.all([
    readRoles(place, "/lifeboat/qimma/"),
    readManaged(place, "/lifeboat/qimma/"),
    findProvider(place, "token.actions.githubusercontent.com"),
    readRule(place, "lifeboat-qimma-new-set"),
    readAlarm(place, "lifeboat-qimma-no-new-set"),
  ]);
  return compareProperties(accountDrift({ roles: found, managed, provider, rule, alarm }, values)).drifts.map(
    ({ name }) => name,
  );
}

describe("of the account, changed alone", () => {
  const backup = (): string => names.get("backup") ?? "";
  const statements = roles.backup.statements;
  const arnOf = async (path: string): Promise<string> => {
    const { Policies = [] } = await lab.iam.send(new ListPoliciesCommand({ Scope: "Local", PathPrefix: path }));
    return Policies[0]?.Arn ?? "";
  };
  const putBack = (): Promise<unknown> => putInline(lab.iam, backup(), "backup", statements, values);
  const trust = async (from: string, to: string): Promise<() => Promise<unknown>> => {
    const { Role } = await lab.iam.send(new GetRoleCommand({ RoleName: backup() }));
    const text = decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "");
    expect(text).toContain(from);
    const put = (PolicyDocument: string) =>
      lab.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: backup(), PolicyDocument }));
    await put(text.replace(from, to));
    return () => put(text);
  };

  test.each(statements.map(({ Sid }) => Sid))("role backup, statement %s", async (sid) => {
    await putInline(
      lab.iam,
      backup(),
      "backup",
      statements.filter(({ Sid }) => Sid !== sid),
      values,
    );
    expect(await accountDrifts()).toEqual([`role backup, statement ${sid}`]);
    await putBack();
  });

  test.each([
    ["another environment", ":environment:backup", ":environment:*"],
    ["another repository", "repo:acme/lifeboat:", "repo:acme/other:"],
    ["another audience", "sts.amazonaws.com", "https://github.com/acme"],
    ["StringLike for StringEquals", "StringEquals", "StringLike"],
    ["another provider", "oidc-provider/token.actions", "oidc-provider/evil.actions"],
  ])("role backup: whom it trusts: %s", async (_, from, to) => {
    const restore = await trust(from, to);
    expect(await accountDrifts()).toEqual(["role backup: whom it trusts"]);
    await restore();
  });

  test("a statement more, a right more, another inline policy, another managed policy, a shared one taken, a longer session", async () => {
    const more = { Sid: "More", Effect: "Allow", Action: ["s3:*"], Resource: ["*"] } as const;
    await putInline(lab.iam, backup(), "backup", [...statements, more], values);
    expect(await accountDrifts()).toEqual(["role backup, other statements"]);
    const wider = statements.map((one) =>
      one.Sid === "Looks" ? { ...one, Action: [...one.Action, "s3:DeleteObject"] } : one,
    );
    await putInline(lab.iam, backup(), "backup", wider, values);
    expect(await accountDrifts()).toEqual(["role backup, statement Looks"]);
    await putBack();
    const PolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }],
    });
    await lab.iam.send(new PutRolePolicyCommand({ RoleName: backup(), PolicyName: "extra", PolicyDocument }));
    expect(await accountDrifts()).toEqual(["role backup, other statements"]);
    await lab.iam.send(new DeleteRolePolicyCommand({ RoleName: backup(), PolicyName: "extra" }));
    const other = await arnOf("/lifeboat/qimma/keys/");
    await lab.iam.send(new AttachRolePolicyCommand({ RoleName: backup(), PolicyArn: other }));
    expect(await accountDrifts()).toEqual(["role backup: other policies"]);
    await lab.iam.send(new DetachRolePolicyCommand({ RoleName: backup(), PolicyArn: other }));
    for (const shared of roles.backup.shared) {
      const PolicyArn = await arnOf(`/lifeboat/qimma/shared-${shared}/`);
      await lab.iam.send(new DetachRolePolicyCommand({ RoleName: backup(), PolicyArn }));
      expect(await accountDrifts()).toEqual([`role backup: shared policy ${shared}`]);
      await lab.iam.send(new AttachRolePolicyCommand({ RoleName: backup(), PolicyArn }));
    }
    await lab.iam.send(new UpdateRoleCommand({ RoleName: backup(), MaxSessionDuration: 3600 }));
    expect(await accountDrifts()).toEqual(["role backup: longest session"]);
    await lab.iam.send(new UpdateRoleCommand({ RoleName: backup(), MaxSessionDuration: 43_200 }));
  });

  test("a second role below the path of one, and a shared policy that denies less", async () => {
    const RoleName = "shadow";
    const { Role } = await lab.iam.send(new GetRoleCommand({ RoleName: names.get("monitor") ?? "" }));
    const AssumeRolePolicyDocument = decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "");
    await lab.iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument, Path: "/lifeboat/qimma/monitor/" }));
    expect(await accountDrifts()).toContain("role monitor: how many");
    await lab.iam.send(new DeleteRoleCommand({ RoleName }));
    const PolicyArn = await arnOf("/lifeboat/qimma/shared-NeverDeletes/");
    const document = (Effect: string) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "NeverDeletes",
            Effect,
            Action: "s3:DeleteObjectVersion",
            Resource: ["acme-db", "acme-files", "acme-replica"].map((one) => `arn:aws:s3:::${one}/*`),
          },
        ],
      });
    const put = (PolicyDocument: string) =>
      lab.iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument, SetAsDefault: true }));
    await put(document("Allow"));
    expect(await accountDrifts()).toEqual(["shared policy NeverDeletes, statement NeverDeletes"]);
    await put(document("Deny"));
    expect(await accountDrifts()).toEqual([]);
  });

  test("the provider's audience", async () => {
    await makeProvider(lab.iam, "https://github.com/acme");
    expect(await accountDrifts()).toEqual(["OIDC provider of GitHub: audience"]);
    await makeProvider(lab.iam);
  });

  test("the rule: off, and another pattern", async () => {
    const client = new EventBridgeClient(lab.client);
    const Name = "lifeboat-qimma-new-set";
    const { EventPattern } = await client.send(new DescribeRuleCommand({ Name }));
    await client.send(new DisableRuleCommand({ Name }));
    expect(await accountDrifts()).toEqual(["rule of new sets: State"]);
    await client.send(new EnableRuleCommand({ Name }));
    await client.send(new PutRuleCommand({ Name, EventPattern: EventPattern?.replace("manifest.json", "*") }));
    expect(await accountDrifts()).toEqual(["rule of new sets: EventPattern"]);
    await client.send(new PutRuleCommand({ Name, EventPattern, State: "ENABLED" }));
    client.destroy();
  });

  test("each property of the alarm, and the alarm itself", async () => {
    const client = new CloudWatchClient(lab.client);
    const AlarmNames = ["lifeboat-qimma-no-new-set"];
    const { MetricAlarms: [found] = [] } = await client.send(new DescribeAlarmsCommand({ AlarmNames }));
    const { AlarmName, Namespace, MetricName, Dimensions, Statistic, Period, EvaluationPeriods, DatapointsToAlarm } =
      found ?? {};
    const { Threshold, ComparisonOperator, TreatMissingData, ActionsEnabled, AlarmActions, OKActions } = found ?? {};
    const whole = {
      ...{ AlarmName, Namespace, MetricName, Dimensions, Statistic, Period, EvaluationPeriods, DatapointsToAlarm },
      ...{ Threshold, ComparisonOperator, TreatMissingData, ActionsEnabled, AlarmActions, OKActions },
    } as PutMetricAlarmCommandInput;
    const changes: Partial<PutMetricAlarmCommandInput> = {
      ...{ Namespace: "AWS/S3", MetricName: "Invocations", Dimensions: [{ Name: "RuleName", Value: "other" }] },
      ...{ Statistic: "Maximum", Period: 60, EvaluationPeriods: 40, DatapointsToAlarm: 1, Threshold: 0 },
      ...{ ComparisonOperator: "LessThanOrEqualToThreshold", TreatMissingData: "notBreaching", ActionsEnabled: false },
      ...{ AlarmActions: [], OKActions: [] },
    };
    for (const [key, value] of Object.entries(changes)) {
      await client.send(new PutMetricAlarmCommand({ ...whole, [key]: value }));
      expect(await accountDrifts()).toEqual([`alarm of silence: ${key}`]);
    }
    await client.send(new DeleteAlarmsCommand({ AlarmNames }));
    expect(await accountDrifts()).toEqual(["alarm of silence (lifeboat-qimma-no-new-set)"]);
    await client.send(new PutMetricAlarmCommand(whole));
    expect(await accountDrifts()).toEqual([]);
    client.destroy();
  });
});
