import type { Environment } from "../../../config/environment.ts";
import { configProblems } from "../../../config/load.ts";
import type { Problem } from "../../../config/problems.ts";
import type { Step } from "../../../policy/read-schedules.ts";
import { isPutInLater, keyNames, keyOfEnvironment } from "../../../policy/repository/values.ts";
import type { WantedEnvironment } from "../../../policy/repository/wanted.ts";
import { loadOperations } from "../../catalogue.ts";
import { fieldsOf } from "../../field.ts";
import type { Operation } from "../../operation.ts";

/**
 * What the jobs of an environment would say of these settings before they begin, told by the declarations of what they run: what is missing,
 * and what is there and wrong.
 * @param settings by the names that the jobs use
 * @param stored names of secrets that GitHub holds already and never gives back
 */
export async function settingProblems(
  { name, steps, variables }: WantedEnvironment,
  settings: Environment,
  stored: readonly string[],
  policyPath: string,
): Promise<readonly Problem[]> {
  const operations = await loadOperations();
  const found = new Map<string, Problem>();
  // Most steps of an environment need the same.
  const asked = new Set<string>();
  for (const step of steps) {
    const operation = operations.find(({ action }) => step.uses === `./actions/${action?.folder}`);
    const inputs = operation && inputsOf(operation, step);
    if (operation === undefined || inputs === undefined) continue;
    const named = typeof inputs["target"] === "string" ? inputs["target"] : "default";
    const env = { ...settings, LIFEBOAT_POLICY: policyPath };
    const needs = operation.needs?.(inputs, env) ?? [];
    const same = JSON.stringify([needs, named, operation.target && operation.name]);
    if (asked.has(same)) continue;
    asked.add(same);
    const target: Parameters<typeof configProblems>[0]["target"] = (policy) =>
      operation.target?.(inputs, policy) ?? named;
    for (const problem of await configProblems({ needs, env, target })) found.set(problem.setting, problem);
  }
  const access = ["AWS_ROLE_ARN", "AWS_ACCESS_KEY_ID"];
  if (variables.includes("AWS_ROLE_ARN") && access.every((one) => settings[one] === undefined && !stored.includes(one)))
    found.set("AWS_ROLE_ARN", { setting: "AWS_ROLE_ARN", text: "is not set: its jobs reach no vault." });
  const role = keyOfEnvironment[name];
  const key = role === undefined ? undefined : keyNames(role).key;
  if (key !== undefined && settings[key] === undefined && !found.has(key))
    found.set(key, { setting: key, text: `is not set: ${name} lacks the ${role} key.` });
  return [...found.values()].filter(({ setting }) => !(stored.includes(setting) || isPutInLater(name, setting)));
}

/** The inputs with which a step runs when nobody types anything; undefined: they cannot be told. */
function inputsOf(operation: Operation, { with: given }: Step): Readonly<Record<string, unknown>> | undefined {
  const inputs = fieldsOf(operation.inputs, "action").map(({ key, name, isFlag, choices, required }) => {
    const value = given[name];
    const literal = typeof value === "string" && !value.includes("${{") ? value : undefined;
    if (isFlag) return [key, literal === "true"] as const;
    return [key, literal ?? (required ? (choices[0] ?? "latest") : undefined)] as const;
  });
  const read = operation.inputs.safeParse(Object.fromEntries(inputs.filter(([, value]) => value !== undefined)));
  return read.success ? read.data : undefined;
}
