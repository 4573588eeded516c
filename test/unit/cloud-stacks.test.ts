import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { kindOf, refusedChanges } from "../../actions/lib/operations/provision/aws/plan.ts";
import { asTemplate, filled, onlyWith } from "../../actions/lib/policy/cloud/document.ts";
import { type RoleName, roleNames } from "../../actions/lib/policy/cloud/roles.ts";
import { stackNames, stacks, templateOf } from "../../actions/lib/policy/cloud/stacks.ts";
import { weakerThan } from "../../actions/lib/policy/cloud/weaker.ts";
import { mostBytes } from "../../scripts/check/cloud-templates.ts";
import { policyOf, policyOfBucket } from "../lab/iam/role-policy.ts";

const root = new URL("../..", import.meta.url).pathname;

test.each(stackNames)("%s.yml is small enough to be handed to CloudFormation by itself", (name) =>
  expect(readFileSync(`${root}scripts/provision/${name}.yml`).byteLength).toBeLessThanOrEqual(mostBytes),
);

test("policies are as short as IAM and S3 take them", () => {
  const names = { database: "d".repeat(63), files: "f".repeat(63), replica: "r".repeat(63) };
  const size = (statements: readonly object[]): number =>
    JSON.stringify({ Version: "2012-10-17", Statement: statements }).length;
  for (const name of roleNames)
    expect(size(policyOf(name as RoleName, names)), name).toBeLessThanOrEqual(10_240 + 6144);
  for (const resource of Object.values(stacks.access.resources).filter(
    ({ Type }) => Type === "AWS::IAM::ManagedPolicy",
  )) {
    const text = JSON.stringify(resource.Properties["PolicyDocument"]).replaceAll(/\$\{\w+Bucket\}/g, "d".repeat(63));
    expect(text.length).toBeLessThanOrEqual(6144);
  }
  expect(size(policyOfBucket("DatabaseBucket", names))).toBeLessThanOrEqual(20_480);
});

test("each bucket, its policy and the provider stay when a stack goes, and every bucket can lock from its first day", () => {
  for (const name of stackNames)
    for (const one of Object.values(
      (templateOf(name) as { Resources: Record<string, Record<string, unknown>> }).Resources,
    )) {
      if (!/^AWS::(?:S3::|IAM::OIDC)/.test(String(one["Type"]))) continue;
      expect(one).toMatchObject({ DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" });
      if (one["Type"] === "AWS::S3::Bucket") expect(one["Properties"]).toMatchObject({ ObjectLockEnabled: true });
    }
});

test("a text with a parameter in it becomes CloudFormation's function, and with the values what it stands for", () => {
  const data = { a: "${X}", b: "x${X}y", c: "${R.Arn}", d: onlyWith("HasReplica", { e: "${Regions}" }), f: 1 };
  expect(asTemplate(data)).toEqual({
    ...{ a: { Ref: "X" }, b: { "Fn::Sub": "x${X}y" }, c: { "Fn::GetAtt": ["R", "Arn"] }, f: 1 },
    d: { "Fn::If": ["HasReplica", { e: { Ref: "Regions" } }, { Ref: "AWS::NoValue" }] },
  });
  const values = { X: "v", "R.Arn": "arn", Regions: ["one", "two"], DatabaseBucket: "d", ReplicaBucket: "r" };
  expect(filled(data, values)).toEqual({ a: "v", b: "xvy", c: "arn", d: { e: ["one", "two"] }, f: 1 });
  expect(filled(data, { ...values, ReplicaBucket: "d" })).toEqual({ a: "v", b: "xvy", c: "arn", f: 1 });
  expect(() => filled("${Nobody}", values)).toThrow("Nobody");
});

describe("what would make the vault weaker is refused", () => {
  const vault = JSON.stringify(templateOf("vault"));
  const access = JSON.stringify(templateOf("access"));

  test("nothing, where nothing changes, and where more is denied", () => {
    expect(weakerThan(vault, vault)).toEqual([]);
    expect(
      weakerThan(access, access.replace('["s3:PutObjectLegalHold"]', '["s3:PutObjectLegalHold","s3:Other"]')),
    ).toEqual([]);
  });

  test.each([
    ["a lock that goes", vault, '"ObjectLockEnabled":true', '"ObjectLockEnabled":false', "object lock would be off"],
    [
      "versions that go",
      vault,
      '{"Status":"Enabled"}',
      '{"Status":"Suspended"}',
      "versioning would not be enabled any more",
    ],
    [
      "a door to the public",
      vault,
      '"BlockPublicAcls":true',
      '"BlockPublicAcls":false',
      "BlockPublicAcls would be off",
    ],
    [
      "a denial that goes",
      vault,
      '"Sid":"NobodyHides","Effect":"Deny"',
      '"Sid":"NobodyHides","Effect":"Allow"',
      "the denial NobodyHides would go, or deny less",
    ],
    ["a denial that denies less", access, '"s3:DeleteBucketPolicy",', "", "the denial Never would go, or deny less"],
    [
      "a denial under another condition",
      vault,
      '"s3:TlsVersion":"1.2"',
      '"s3:TlsVersion":"1.0"',
      "the denial OnlyNewTls would go, or deny less",
    ],
    [
      "a shared policy that is taken away",
      access,
      '{"Ref":"NeverDeletes"},',
      "",
      'the shared policy {"Ref":"NeverDeletes"} would be taken from it',
    ],
  ])("%s", (_, before, from, to, said) => {
    const after = before.replace(from, to);
    expect(after).not.toBe(before);
    expect(weakerThan(before, after).join("; ")).toContain(said);
  });

  test("a bucket or an alarm that goes", () => {
    const { Resources, ...rest } = JSON.parse(vault);
    const { SilenceAlarm: _a, FilesVault: _b, ...left } = Resources;
    expect(weakerThan(vault, JSON.stringify({ ...rest, Resources: left }))).toEqual([
      "FilesVault would go",
      "SilenceAlarm would go",
    ]);
  });

  test("what CloudFormation would remove or make anew, of buckets, their policies and the provider", () => {
    const change = { action: "Modify", resource: "A", type: "AWS::S3::Bucket", replacement: "False" };
    expect(refusedChanges([change, { ...change, type: "AWS::IAM::Role", replacement: "True" }])).toEqual([]);
    for (const replacement of ["True", "Conditional"])
      expect(refusedChanges([{ ...change, replacement }])).toEqual(["A (AWS::S3::Bucket) would be made anew"]);
    expect(refusedChanges([{ ...change, action: "Remove", replacement: undefined }])).toEqual([
      "A (AWS::S3::Bucket) would be removed",
    ]);
  });
});

describe("a stack that is half made", () => {
  const found = (status: string) => ({ name: "s", status, parameters: {}, outputs: {} });
  test.each([
    ["ROLLBACK_COMPLETE", "delete-stack"],
    ["CREATE_FAILED", "delete-stack"],
    ["ROLLBACK_FAILED", "delete-stack"],
    ["UPDATE_ROLLBACK_FAILED", "continue-update-rollback"],
    ["UPDATE_IN_PROGRESS", "Wait"],
    ["DELETE_IN_PROGRESS", "Wait"],
  ])("%s: says what to do", (status, next) => {
    expect(() => kindOf("s", found(status))).toThrow(expect.objectContaining({ next: expect.stringContaining(next) }));
  });
  test("and one that is whole, or was only thought of, is gone on with", () => {
    for (const status of ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"])
      expect(kindOf("s", found(status))).toBe("UPDATE");
    expect([kindOf("s", undefined), kindOf("s", found("REVIEW_IN_PROGRESS"))]).toEqual(["CREATE", "CREATE"]);
  });
});
