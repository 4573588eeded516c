import type { ConnectionSettings } from "./connection-url.ts";
import { type Environment, readConnection, readRef } from "./environment.ts";
import type { Policy } from "./policy/policy.ts";
import type { Problems } from "./problems.ts";
import { refOfAddress } from "./project-names.ts";

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
  return { name, database, projectRef: readRef(env, `${known.env}_PROJECT_REF`) };
}

/** Which project a target's database is: told in the settings, or written in the name of its host or its role. */
export function refsOfDatabase({ database, projectRef }: Pick<Target, "database" | "projectRef">): string[] {
  const known = [projectRef ?? undefined, refOfAddress(database.host, database.user)];
  return [...new Set(known.filter((ref) => ref !== undefined))];
}
