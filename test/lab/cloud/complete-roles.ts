import {
  AttachRolePolicyCommand,
  type IAMClient,
  ListPoliciesCommand,
  ListRolesCommand,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { replicationStatements } from "../../../actions/lib/policy/cloud/bucket.ts";
import { filled, policyDocument, type Statement, type Values } from "../../../actions/lib/policy/cloud/document.ts";
import { roleNames, roles } from "../../../actions/lib/policy/cloud/roles.ts";

/** moto's CloudFormation makes roles without their managed policies, and garbles the others: this asks IAM's API for both. */
export async function completeRoles(iam: IAMClient, values: Values): Promise<void> {
  const names = await namesOfRoles(iam);
  const { Policies = [] } = await iam.send(new ListPoliciesCommand({ Scope: "Local", PathPrefix: "/lifeboat/" }));
  for (const name of roleNames.filter((one) => roles[one].environment !== null)) {
    const RoleName = names.get(name) ?? "";
    await putInline(iam, RoleName, name, roles[name].statements, values);
    for (const shared of roles[name].shared) {
      const arn = Policies.find(({ Path }) => Path?.endsWith(`/shared-${shared}/`))?.Arn;
      await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: arn }));
    }
  }
  await putInline(iam, names.get("replication") ?? "", "replication", replicationStatements(), values);
}

/** What IAM calls the roles, by the last folder of their paths. */
export async function namesOfRoles(iam: IAMClient): Promise<Map<string, string>> {
  const { Roles = [] } = await iam.send(new ListRolesCommand({ PathPrefix: "/lifeboat/" }));
  return new Map(Roles.map(({ Path = "", RoleName = "" }) => [Path.split("/").at(-2) ?? "", RoleName]));
}

export async function putInline(
  iam: IAMClient,
  RoleName: string,
  PolicyName: string,
  statements: readonly Statement[],
  values: Values,
): Promise<void> {
  const PolicyDocument = JSON.stringify(filled(policyDocument(statements), values));
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument }));
}
