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
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readAlarm } from "../../actions/lib/aws/alarm.ts";
import { findProvider, readManaged, readRoles } from "../../actions/lib/aws/identity.ts";
import { readRule } from "../../actions/lib/aws/rule.ts";
import { accountDrift } from "../../actions/lib/policy/cloud/account-drift.ts";
import type { Values } from "../../actions/lib/policy/cloud/document.ts";
import { compareProperties } from "../../actions/lib/policy/cloud/property.ts";
import { roles } from "../../actions/lib/policy/cloud/roles.ts";
import { namesOfRoles, putInline } from "../lab/cloud/complete-roles.ts";
import { makeProvider, openProvisionLab, type ProvisionLab } from "./provision-lab.ts";

/** What of the account itself is not as it should be, one change at a time; the buckets: provision-check.test.ts. */

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
