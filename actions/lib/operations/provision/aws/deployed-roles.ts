import type { AwsPlace } from "../../../aws/answers.ts";
import { readRoles } from "../../../aws/identity.ts";
import { optional } from "../../../config/environment.ts";
import { projectName } from "../../../policy/cloud/parameters.ts";
import { roleNames, roles } from "../../../policy/cloud/roles.ts";
import type { Context } from "../../context.ts";
import { accountPlace } from "../place.ts";

/** ARN of the role of each environment of GitHub, as far as the account has them: by their paths, whoever has made them. */
export async function rolesIn(place: AwsPlace, project: string): Promise<Readonly<Record<string, string>>> {
  const below = `/lifeboat/${project}/`;
  const found = await readRoles(place, below);
  return Object.fromEntries(
    roleNames.flatMap((name) => {
      const { environment } = roles[name];
      const role = found.find(({ path }) => path === `${below}${name}/`);
      return environment === null || role === undefined ? [] : [[environment, role.arn]];
    }),
  );
}

/** The same, asked of the account. Empty where no credentials of AWS are set, or the roles are not made yet. */
export async function deployedRoles(context: Context): Promise<Readonly<Record<string, string>>> {
  const { env } = context;
  const region = optional(env, "AWS_REGION");
  if (region === undefined || ["AWS_ACCESS_KEY_ID", "AWS_PROFILE"].every((name) => optional(env, name) === undefined))
    return {};
  return rolesIn(accountPlace(env, region), projectName(context.config().policy));
}
