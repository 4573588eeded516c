import { manifestRule, silenceAlarm } from "./alarm.ts";
import { bucketProperties, bucketStatements, replicationStatements } from "./bucket.ts";
import {
  asTemplate,
  type Bucket,
  type Condition,
  type Json,
  policyDocument,
  type Statement,
  templateConditions,
} from "./document.ts";
import { type ParameterName, parameters } from "./parameters.ts";
import { shared } from "./role-statements.ts";
import { type Role, roleNames, roles } from "./roles.ts";
import { audience, issuer, pathOf, sessionSeconds, trustOf } from "./trust.ts";

export const stackNames = ["replica", "vault", "access"] as const;
export type StackName = (typeof stackNames)[number];

/** One resource, with `${…}` where the owner's names belong. */
export interface Resource {
  readonly Type: string;
  readonly Condition?: Condition;
  readonly Properties: { readonly [name: string]: Json };
  /** It and what is in it stay, whatever becomes of the stack. */
  readonly stays?: true;
}

interface Stack {
  readonly description: string;
  readonly resources: Readonly<Record<string, Resource>>;
  readonly outputs: Readonly<Record<string, Output>>;
}

interface Output {
  readonly Description: string;
  readonly Value: Json;
  readonly Condition?: Condition;
}

function bucket(name: Bucket, resource: string, condition?: Condition): Readonly<Record<string, Resource>> {
  const only = condition === undefined ? {} : { Condition: condition };
  return {
    [resource]: { Type: "AWS::S3::Bucket", ...only, Properties: bucketProperties(name), stays: true },
    [`${resource}Policy`]: {
      ...{ Type: "AWS::S3::BucketPolicy", ...only, stays: true },
      Properties: { Bucket: `\${${resource}}`, PolicyDocument: policyDocument(bucketStatements(name)) },
    },
  };
}

/** IAM's names end in something random; so do these, which are told apart by their paths. */
function managed(name: string, description: string, statements: readonly Statement[]): Resource {
  return {
    Type: "AWS::IAM::ManagedPolicy",
    Properties: { Description: description, Path: pathOf(name), PolicyDocument: policyDocument(statements) },
  };
}

function role(name: string, { description, environment, shared, statements, onlyWith }: Role): Resource {
  if (environment === null) return managed(name, description, statements);
  return {
    Type: "AWS::IAM::Role",
    ...(onlyWith !== undefined && { Condition: onlyWith }),
    Properties: {
      Description: description,
      Path: pathOf(name),
      MaxSessionDuration: sessionSeconds,
      AssumeRolePolicyDocument: trustOf(environment),
      ManagedPolicyArns: shared.map((one) => `\${${one}}`),
      Policies: [{ PolicyName: name, PolicyDocument: policyDocument(statements) }],
    },
  };
}

function accessStack(): Stack {
  const jobs = roleNames.filter((name) => roles[name].environment !== null);
  return {
    description: "The roles of Lifeboat's jobs: what each may do with the vault, and nothing else",
    resources: {
      Provider: {
        ...{ Type: "AWS::IAM::OIDCProvider", Condition: "MakesProvider", stays: true },
        Properties: { Url: `https://${issuer}`, ClientIdList: [audience] },
      },
      ...Object.fromEntries(
        Object.entries(shared).map(([name, { description, statements }]) => [
          name,
          managed(`shared-${name}`, description, statements),
        ]),
      ),
      ...Object.fromEntries(roleNames.map((name) => [roles[name].resource, role(name, roles[name])])),
    },
    outputs: Object.fromEntries(
      jobs.map((name) => {
        const { resource, environment, onlyWith } = roles[name];
        const output: Output = {
          Description: `AWS_ROLE_ARN of the environment ${environment}`,
          Value: `\${${resource}.Arn}`,
          ...(onlyWith !== undefined && { Condition: onlyWith }),
        };
        return [`${resource}Arn`, output];
      }),
    ),
  };
}

function vaultStack(): Stack {
  return {
    description:
      "Lifeboat's vault: the buckets of the database's sets and of the files, and an alarm when no set comes",
    resources: {
      ReplicationRole: {
        ...{ Type: "AWS::IAM::Role", Condition: "HasReplica" },
        Properties: {
          Description: "S3's, to copy the vault into its replica",
          Path: pathOf("replication"),
          AssumeRolePolicyDocument: {
            Version: "2012-10-17",
            Statement: [
              {
                Effect: "Allow",
                Principal: { Service: "s3.amazonaws.com" },
                Action: "sts:AssumeRole",
                Condition: { StringEquals: { "aws:SourceAccount": "${AWS::AccountId}" } },
              },
            ],
          },
          Policies: [{ PolicyName: "replication", PolicyDocument: policyDocument(replicationStatements()) }],
        },
      },
      ...bucket("DatabaseBucket", "DatabaseVault"),
      ...bucket("FilesBucket", "FilesVault", "HasFiles"),
      AlarmTopic: {
        Type: "AWS::SNS::Topic",
        Properties: { Subscription: [{ Protocol: "email", Endpoint: "${AlarmEmail}" }] },
      },
      ManifestRule: { Type: "AWS::Events::Rule", Properties: manifestRule },
      SilenceAlarm: { Type: "AWS::CloudWatch::Alarm", Properties: silenceAlarm },
    },
    outputs: {},
  };
}

export const stacks: Readonly<Record<StackName, Stack>> = {
  replica: {
    description: "Lifeboat's replica: the bucket in another region that S3 copies the vault into",
    resources: bucket("ReplicaBucket", "ReplicaVault"),
    outputs: {},
  },
  vault: vaultStack(),
  access: accessStack(),
};

/** The stack as CloudFormation takes it: with the parameters and conditions that it uses, and no others. */
export function templateOf(name: StackName): { readonly [section: string]: Json } {
  const { description, resources, outputs } = stacks[name];
  const body = {
    Resources: Object.fromEntries(Object.entries(resources).map(([id, resource]) => [id, resourceTemplate(resource)])),
    ...(Object.keys(outputs).length > 0 && { Outputs: asTemplate(outputs as unknown as Json) }),
  };
  const used = (text: string, what: string): boolean => new RegExp(`\\b${what}\\b`).test(text);
  const text = JSON.stringify(body);
  const needed = Object.entries(templateConditions).filter(([condition]) => used(text, condition));
  const all = text + JSON.stringify(needed);
  const taken = (Object.keys(parameters) as ParameterName[]).filter((one) => used(all, one) && !(one in resources));
  return {
    AWSTemplateFormatVersion: "2010-09-09",
    Description: description,
    Parameters: Object.fromEntries(taken.map((one) => [one, parameters[one]])),
    ...(needed.length > 0 && { Conditions: Object.fromEntries(needed) }),
    ...body,
  };
}

/** Names of the parameters that a stack takes. */
export function parametersOf(name: StackName): readonly ParameterName[] {
  return Object.keys(templateOf(name)["Parameters"] as object) as ParameterName[];
}

function resourceTemplate({ Type, Condition, Properties, stays }: Resource): Json {
  return {
    Type,
    ...(Condition !== undefined && { Condition }),
    ...(stays === true && { DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" }),
    Properties: asTemplate(Properties),
  };
}
