import { type ConnectionSettings, directHostRef } from "./connection-url.ts";
import { type Environment, optional, readConnection } from "./environment.ts";
import type { Policy } from "./policy.ts";
import type { Problems } from "./problems.ts";

/** Where a restore writes. */
export interface Target {
  readonly name: string;
  readonly database: ConnectionSettings;
  readonly projectRef: string | null;
}

/** The target that the policy knows by `name`; its environment variables begin with the policy's prefix. */
export function readTarget(env: Environment, policy: Policy, name: string, problems: Problems): Target | undefined {
  const known = policy.targets[name];
  if (known === undefined) {
    return problems.add(
      "target",
      `the policy knows no target of this name; it knows ${Object.keys(policy.targets).join(", ")}.`,
    );
  }
  const database = readConnection(env, `${known.env}_DATABASE`, problems);
  if (database === undefined) return undefined;
  return { name, database, projectRef: optional(env, `${known.env}_PROJECT_REF`) ?? null };
}

/** Which project a target's database is: told in the settings, or written in the name of its host or its role. */
export function refsOfDatabase({ database, projectRef }: Pick<Target, "database" | "projectRef">): string[] {
  const ofUser = /^[^.]+\.([a-z0-9]{20})$/.exec(database.user)?.[1];
  const known = [projectRef ?? undefined, directHostRef(database.host), ofUser];
  return [...new Set(known.filter((ref) => ref !== undefined))];
}
