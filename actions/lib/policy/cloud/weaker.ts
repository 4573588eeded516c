import { parse } from "yaml";
import { z } from "zod";

/**
 * What a new template would take from the protection that the old one gives. Both are read as they stand, with CloudFormation's functions
 * in them: their values are the parameters', which are shown beside.
 */

const listed = (one: unknown): unknown => (Array.isArray(one) ? one : one === undefined ? [] : [one]);
const list = z.preprocess(listed, z.array(z.unknown())).transform((all) => all.map((one) => JSON.stringify(one)));
const statement = z.looseObject({
  Sid: z.string().optional(),
  Effect: z.string(),
  Action: list,
  NotAction: list,
  Resource: list,
  NotResource: list,
  Condition: z.unknown().optional(),
});
const document = z.looseObject({ Statement: z.preprocess(listed, z.array(statement)) });
const switches = z.looseObject({
  VersioningConfiguration: z.looseObject({ Status: z.string() }).optional(),
  ObjectLockEnabled: z.boolean().optional(),
  ObjectLockConfiguration: z.unknown().optional(),
  PublicAccessBlockConfiguration: z.record(z.string(), z.boolean()).optional(),
  PolicyDocument: document.optional(),
  Policies: z.array(z.looseObject({ PolicyDocument: document })).optional(),
  ManagedPolicyArns: list.optional(),
});
const templateSchema = z.looseObject({
  Resources: z.record(z.string(), z.looseObject({ Type: z.string(), Properties: switches.optional() })),
});
type Properties = z.infer<typeof switches>;
type Denial = z.infer<typeof statement>;

/** @param before and @param after as texts, YAML or JSON @returns a sentence each, without its full stop; none: nothing is weaker */
export function weakerThan(before: string, after: string): string[] {
  const old = templateSchema.parse(parse(before)).Resources;
  const next = templateSchema.parse(parse(after)).Resources;
  return Object.entries(old).flatMap(([name, { Type, Properties = {} }]) => {
    const now = next[name];
    if (now === undefined) return /^AWS::(?:S3|IAM::OIDC|CloudWatch)/.test(Type) ? [`${name} would go`] : [];
    return weakened(Properties, now.Properties ?? {}).map((what) => `${name}: ${what}`);
  });
}

function weakened(old: Properties, now: Properties): string[] {
  const is = (one: unknown): boolean => one === true;
  return [
    ...(old.VersioningConfiguration?.Status === "Enabled" && now.VersioningConfiguration?.Status !== "Enabled"
      ? ["versioning would not be enabled any more"]
      : []),
    ...(is(old.ObjectLockEnabled) && !is(now.ObjectLockEnabled) ? ["object lock would be off"] : []),
    ...(old.ObjectLockConfiguration !== undefined && !same(old.ObjectLockConfiguration, now.ObjectLockConfiguration)
      ? ["the default lock would change"]
      : []),
    ...Object.entries(old.PublicAccessBlockConfiguration ?? {})
      .filter(([name, on]) => on && now.PublicAccessBlockConfiguration?.[name] !== true)
      .map(([name]) => `${name} would be off`),
    ...denialsOf(old)
      .filter((denial) => !denialsOf(now).some((one) => covers(one, denial)))
      .map(({ Sid = "without a name" }) => `the denial ${Sid} would go, or deny less`),
    ...(old.ManagedPolicyArns ?? [])
      .filter((arn) => !(now.ManagedPolicyArns ?? []).includes(arn))
      .map((arn) => `the shared policy ${arn} would be taken from it`),
  ];
}

function denialsOf({ PolicyDocument, Policies = [] }: Properties): Denial[] {
  const documents = [
    ...(PolicyDocument === undefined ? [] : [PolicyDocument]),
    ...Policies.map((one) => one.PolicyDocument),
  ];
  return documents.flatMap(({ Statement }) => Statement).filter(({ Effect }) => Effect === "Deny");
}

/** Whether what the one denies the other denies as well: more actions and more resources are no less. */
function covers(now: Denial, old: Denial): boolean {
  const holds = (all: readonly string[], some: readonly string[]): boolean => some.every((one) => all.includes(one));
  return (
    holds(now.Action, old.Action) &&
    holds(now.Resource, old.Resource) &&
    holds(old.NotAction, now.NotAction) &&
    holds(old.NotResource, now.NotResource) &&
    same(now.Condition, old.Condition)
  );
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
