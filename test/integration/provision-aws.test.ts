import { CloudFormationClient, UpdateStackCommand } from "@aws-sdk/client-cloudformation";
import { DeleteRolePolicyCommand, ListRolesCommand, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import {
  CreateBucketCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { templateOf } from "../../actions/lib/policy/cloud/stacks.ts";
import { buckets, makeProvider, openProvisionLab, type ProvisionLab } from "./provision-lab.ts";

/** `lifeboat provision aws` against moto's CloudFormation, from an empty account on. */

let lab: ProvisionLab;
beforeAll(async () => {
  lab = await openProvisionLab();
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const outcomes = (stdout: string): unknown =>
  JSON.parse(stdout).stacks.map(({ stack, outcome }: { stack: string; outcome: string }) => [stack, outcome]);

test("a bucket that is there already stops it before anything is made, and the roles alone can be made around it", async () => {
  const client = lab.s3("DatabaseBucket");
  await client.send(new CreateBucketCommand({ Bucket: "somebodys" }));
  const refused = await lab.run(["aws"], { S3_BACKUP_BUCKET: "somebodys" });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("--keep-buckets") });
  expect(outcomes((await lab.run(["aws", "--dry-run"])).stdout)).toEqual([
    ["replica", "would be made"],
    ["vault", "would be made"],
    ["access", "would be made"],
  ]);
  const kept = await lab.run(["aws", "--keep-buckets", "--dry-run"], { S3_BACKUP_BUCKET: "somebodys" });
  expect(outcomes(kept.stdout)).toEqual([["access", "would be made"]]);
});

test("whom the alarm tells has to be said, a provider without our audience is refused, and a repository has no star", async () => {
  expect(await lab.run(["aws"], { ALERT_EMAIL_TO: "" })).toMatchObject({
    code: 2,
    stdout: expect.stringContaining("alarm-email-missing"),
  });
  const starred = await lab.run(["aws", "--repository", "acme/*"]);
  expect(starred).toMatchObject({ code: 2, stdout: expect.stringContaining("repository-form") });
  await makeProvider(lab.iam, "https://github.com/acme");
  expect(await lab.run(["aws"])).toMatchObject({ code: 2, stdout: expect.stringContaining("provider-audience") });
});

test("replica, vault and roles are made in this order, a second run changes nothing, and no address is printed", async () => {
  await makeProvider(lab.iam);
  const made = await lab.run(["aws"]);
  expect(made.code).toBe(0);
  expect(outcomes(made.stdout)).toEqual([
    ["replica", "made"],
    ["vault", "made"],
    ["access", "made"],
  ]);
  expect(made.stdout + made.stderr).not.toContain("ops@example.com");
  expect(Object.keys(JSON.parse(made.stdout).roles)).toEqual([
    ...["backup", "proving", "drill", "restore", "retention", "replica-retention", "incident", "privacy", "monitor"],
  ]);
  const again = await lab.run(["aws"]);
  expect(outcomes(again.stdout)).toEqual([
    ["replica", "as it was"],
    ["vault", "as it was"],
    ["access", "as it was"],
  ]);
  expect(JSON.parse(again.stdout).roles).toEqual(JSON.parse(made.stdout).roles);
});

/** The trail's entries, as far as they say what was done and how it ended. */
async function trail(): Promise<unknown[]> {
  const [client, Bucket] = [lab.s3("DatabaseBucket"), buckets.DatabaseBucket];
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: "audit/" }));
  const entries = Contents.map(async ({ Key }) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    const { event, operation, what, filed, outcome } = JSON.parse((await Body?.transformToString()) ?? "").entry;
    return event === "begin" ? [operation, what, filed === null ? "at once" : "afterwards"] : [operation, outcome];
  });
  return Promise.all(entries);
}

test("each change of the account leaves its entries: the first one as soon as the vault is there; who only looks leaves none", async () => {
  const first = [
    ["provision", "aws", "afterwards"],
    ["provision", "success"],
  ];
  const again = [
    ["provision", "aws", "at once"],
    ["provision", "success"],
  ];
  expect(await trail()).toEqual([...first, ...again]);
  await lab.run(["check"]);
  await lab.run(["aws", "--dry-run"]);
  expect(await trail()).toHaveLength(4);
  expect(await lab.run(["github"], { GITHUB_TOKEN: "" })).toMatchObject({ code: 2 });
  expect((await trail()).slice(4)).toEqual([
    ["provision", "github", "at once"],
    ["provision", "failure"],
  ]);
});

test("where the bucket is not there, or nothing may be asked of it, the work at GitHub begins all the same and says so", async () => {
  for (const change of [{ S3_BACKUP_BUCKET: "acme-none" }, { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" }]) {
    const { stdout, stderr } = await lab.run(["github"], {
      GITHUB_TOKEN: "",
      AWS_EC2_METADATA_DISABLED: "true",
      ...change,
    });
    expect(stderr).toContain("The entry in the audit trail cannot be written");
    expect(stderr).not.toContain("ALARM");
    expect(stdout).toContain("GITHUB_TOKEN");
  }
});

test("what somebody has denied beside ours is not taken away by putting back: it is named, and nothing changes", async () => {
  const [client, Bucket] = [lab.s3("FilesBucket"), buckets.FilesBucket];
  await lab.complete("FilesBucket");
  const { Policy = "" } = await client.send(new GetBucketPolicyCommand({ Bucket }));
  const document = JSON.parse(Policy);
  const owners = {
    Sid: "NobodyFromThere",
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: "arn:aws:s3:::x/*",
  };
  const more = JSON.stringify({ ...document, Statement: [...document.Statement, owners] });
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy: more }));
  const { Roles = [] } = await lab.iam.send(new ListRolesCommand({ PathPrefix: "/lifeboat/qimma/monitor/" }));
  const inline = { RoleName: Roles[0]?.RoleName ?? "", PolicyName: "owners" };
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [{ ...owners, Principal: undefined }] });
  await lab.iam.send(new PutRolePolicyCommand({ ...inline, PolicyDocument }));
  const refused = await lab.run(["aws", "--revert"]);
  expect(refused).toMatchObject({ code: 2, stdout: expect.stringContaining("own-denials") });
  expect(refused.stdout).toContain("bucket acme-files, NobodyFromThere; role monitor, NobodyFromThere.");
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  await lab.iam.send(new DeleteRolePolicyCommand(inline));
  expect((await lab.run(["aws", "--revert", "--dry-run"])).stdout).not.toContain("own-denials");
});

test("another bucket in the place of the vault's is refused: the old one would be left, and the new one empty", async () => {
  const moved = await lab.run(["aws"], { S3_BACKUP_BUCKET: "acme-other" });
  expect(moved).toMatchObject({
    code: 2,
    stdout: expect.stringContaining("DatabaseBucket would be acme-other in the place of acme-db"),
  });
});

test("a stack that denies more than ours is left as it is, with the denial's name", async () => {
  const { Resources, ...rest } = templateOf("replica") as { Resources: Record<string, unknown> };
  const text = JSON.stringify({ ...rest, Resources }).replace('"s3:TlsVersion":"1.2"', '"s3:TlsVersion":"1.3"');
  const client = new CloudFormationClient({ ...lab.client, region: "eu-central-1" });
  const { StackId } = await client.send(
    new UpdateStackCommand({
      ...{ StackName: "lifeboat-qimma-replica", TemplateBody: text },
      Parameters: ["Project", "ReplicaBucket", "Regions", "ArchiveClass", "ArchiveAfterDays", "LongestLockDays"].map(
        (ParameterKey) => ({ ParameterKey, UsePreviousValue: true }),
      ),
    }),
  );
  expect(StackId).toBeDefined();
  client.destroy();
  const refused = await lab.run(["aws"]);
  expect(refused).toMatchObject({ code: 2, stdout: expect.stringContaining("the denial OnlyNewTls would go") });
});
