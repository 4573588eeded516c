import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const template = "scripts/provision/roles.yml";

const resourceSchema = z.strictObject({ "Fn::Sub": z.string() });
const statementSchema = z.strictObject({
  Sid: z.string(),
  Effect: z.enum(["Allow", "Deny"]),
  Action: z.array(z.string().startsWith("s3:")).min(1),
  Resource: z.array(resourceSchema).min(1),
});
const documentSchema = z.looseObject({ Statement: z.array(statementSchema) });
const templateSchema = z.looseObject({
  Resources: z.record(
    z.string(),
    z.discriminatedUnion("Type", [
      z.looseObject({
        Type: z.literal("AWS::IAM::ManagedPolicy"),
        Properties: z.looseObject({ PolicyDocument: documentSchema }),
      }),
      z.looseObject({
        Type: z.literal("AWS::IAM::Role"),
        Properties: z.looseObject({
          ManagedPolicyArns: z.array(z.strictObject({ Ref: z.string() })),
          Policies: z.array(z.looseObject({ PolicyDocument: documentSchema })).default([]),
        }),
      }),
    ]),
  ),
});

/** One statement, its resources with the buckets' names in them. */
export interface Statement {
  readonly effect: "Allow" | "Deny";
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

/** Who works with the vault: `backup`, `proving`, `drill`, `restore`, `retention`, `monitor`, `keys`, `hold` and `escrow` for a person. */
export type Role = keyof typeof resources;

const resources = {
  backup: "BackupRole",
  proving: "ProvingRole",
  drill: "DrillRole",
  restore: "RestoreRole",
  incident: "IncidentRole",
  retention: "RetentionRole",
  "replica-retention": "ReplicaRetentionRole",
  monitor: "MonitorRole",
  keys: "KeysPolicy",
  hold: "HoldPolicy",
  escrow: "EscrowPolicy",
} as const;

export const roles = Object.keys(resources) as readonly Role[];

export interface Buckets {
  readonly database: string;
  readonly files: string;
  /** A name that no bucket has where there is none. */
  readonly replica?: string;
}

const noReplica = "no-replica";

/** All that the template lets a role do or forbids it, in these buckets. */
export function policyOf(root: string, role: Role, buckets: Buckets): Statement[] {
  const { Resources } = templateSchema.parse(parse(readFileSync(join(root, template), "utf8")));
  const documentsOf = (name: string): z.infer<typeof documentSchema>[] => {
    const found = Resources[name];
    if (found === undefined) throw new Error(`${template} has no ${name}.`);
    if (found.Type === "AWS::IAM::ManagedPolicy") return [found.Properties.PolicyDocument];
    const { ManagedPolicyArns, Policies } = found.Properties;
    const managed = ManagedPolicyArns.flatMap(({ Ref }) => documentsOf(Ref));
    return [...managed, ...Policies.map(({ PolicyDocument }) => PolicyDocument)];
  };
  const named = (text: string): string =>
    text.replace(/\$\{(Database|Files|Replica)Bucket\}/g, (_, which: "Database" | "Files" | "Replica") =>
      which === "Files" ? buckets.files : which === "Replica" ? (buckets.replica ?? noReplica) : buckets.database,
    );
  return documentsOf(resources[role]).flatMap(({ Statement }) =>
    Statement.map(({ Effect, Action, Resource }) => ({
      effect: Effect,
      actions: Action,
      resources: Resource.map((one) => named(one["Fn::Sub"])),
    })),
  );
}

/** What an evaluation of IAM says: allowed by a statement, and denied by none. */
export function allows(policy: readonly Statement[], action: string, resource: string): boolean {
  const says = (effect: Statement["effect"]): boolean =>
    policy.some(
      (one) =>
        one.effect === effect && one.actions.includes(action) && one.resources.some((each) => fits(each, resource)),
    );
  return says("Allow") && !says("Deny");
}

function fits(pattern: string, resource: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(resource);
}
