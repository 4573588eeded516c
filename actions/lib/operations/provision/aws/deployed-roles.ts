import { openStacks } from "../../../aws/stacks.ts";
import { optional } from "../../../config/environment.ts";
import { projectName } from "../../../policy/cloud/parameters.ts";
import { roleNames, roles } from "../../../policy/cloud/roles.ts";
import type { Context } from "../../context.ts";
import { accountPlace } from "../place.ts";
import { stackName } from "./plan.ts";

/** ARN of the role of each environment of GitHub, from the outputs of the stack of roles. */
export function rolesIn(outputs: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    roleNames.flatMap((name) => {
      const { environment, resource } = roles[name];
      const arn = outputs[`${resource}Arn`];
      return environment === null || arn === undefined ? [] : [[environment, arn]];
    }),
  );
}

/** The same, asked of the account. Empty where no credentials of AWS are set, or the stack is not made yet. */
export async function deployedRoles(context: Context): Promise<Readonly<Record<string, string>>> {
  const { env } = context;
  const region = optional(env, "AWS_REGION");
  if (region === undefined || ["AWS_ACCESS_KEY_ID", "AWS_PROFILE"].every((name) => optional(env, name) === undefined))
    return {};
  const stacks = openStacks(accountPlace(env, region));
  try {
    const access = await stacks.find(stackName(projectName(context.config().policy), "access"));
    return rolesIn(access?.outputs ?? {});
  } finally {
    stacks.close();
  }
}
