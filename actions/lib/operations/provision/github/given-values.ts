import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigurationError } from "../../../base/errors.ts";
import { type Environment, optional } from "../../../config/environment.ts";
import type { Policy } from "../../../config/policy/policy.ts";
import type { Problem } from "../../../config/problems.ts";
import { keyNames, keyOfEnvironment, sourcesOf } from "../../../policy/repository/values.ts";
import type { WantedEnvironment } from "../../../policy/repository/wanted.ts";
import { readPrivateKey } from "../../../seal/keys/private-key.ts";

export interface GivenValues {
  readonly secrets: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * What a person's settings and the folder of the keys have for one environment.
 * @param keys as `lifeboat keys generate --out` has written it
 * @param roles ARN of the AWS role of each environment
 * @throws ConfigurationError `keys-folder`
 */
export function givenValues(
  wanted: Pick<WantedEnvironment, "name" | "secrets" | "variables">,
  env: Environment,
  { keys, roles = {} }: { readonly keys?: string | undefined; readonly roles?: Readonly<Record<string, string>> } = {},
): GivenValues {
  const take = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(
      names.flatMap((name) => {
        const source = sourcesOf(wanted.name, name).find((one) => optional(env, one) !== undefined);
        const value = source === undefined ? undefined : optional(env, source);
        return value === undefined ? [] : [[name, ofFile(name, value)]];
      }),
    );
  const role = roles[wanted.name];
  return {
    secrets: { ...(keys !== undefined && keyFiles(wanted.name, keys)), ...take(wanted.secrets) },
    variables: { ...(role !== undefined && { AWS_ROLE_ARN: role }), ...take(wanted.variables) },
  };
}

/** A job has no file of this machine: a certificate goes in as text. */
function ofFile(name: string, value: string): string {
  if (!name.endsWith("_CA") || value.includes("-----BEGIN") || !existsSync(value.trim())) return value;
  return readFileSync(value.trim(), "utf8");
}

function keyFiles(environment: string, folder: string): Record<string, string> {
  const role = keyOfEnvironment[environment];
  if (role === undefined) return {};
  const file = (name: string): string => join(folder, `${role}.${name}`);
  if (!existsSync(folder))
    throw new ConfigurationError(
      "keys-folder",
      `There is no folder ${folder}.`,
      "Name the folder in which `lifeboat keys generate --out` has put the private keys, or leave --keys out.",
    );
  if (!existsSync(file("private.asc"))) return {};
  const names = keyNames(role);
  return {
    [names.key]: readFileSync(file("private.asc"), "utf8"),
    ...(existsSync(file("passphrase")) && { [names.passphrase]: readFileSync(file("passphrase"), "utf8").trim() }),
  };
}

/** Whether an environment is about to get another private key than the policy pins for it. @returns undefined: it is the right one, or none is given */
export async function keyProblem(
  environment: string,
  { secrets }: GivenValues,
  { keys: pins }: Pick<Policy, "keys">,
): Promise<Problem | undefined> {
  const role = keyOfEnvironment[environment];
  if (role === undefined) return undefined;
  const { key: setting, passphrase } = keyNames(role);
  const armored = secrets[setting];
  if (armored === undefined) return undefined;
  const pinned = role === "signing" ? pins.signing : [pins.recipients[role]];
  try {
    const { fingerprint } = await readPrivateKey(armored, secrets[passphrase]);
    if (pinned.includes(fingerprint)) return undefined;
    return {
      setting,
      text: `is not the ${role} key that the policy pins: this environment must not hold another one.`,
    };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { setting, text: [error.message, error.next].filter(Boolean).join(" ") };
  }
}
