import type { ProjectStorage } from "../../config/project-storage.ts";
import { refOfEndpoint } from "../../config/project-storage.ts";
import { refsOfDatabase, type Target } from "../../config/targets.ts";
import { ConfigurationError } from "../../runtime/errors.ts";
import { insistOnTypedRef } from "../production-gate.ts";

const production = "the project that the snapshot comes from";

/** What the names of the target's settings tell of the project that they lead to. */
export interface TargetIdentity {
  readonly target: Pick<Target, "name" | "projectRef" | "database">;
  readonly storage: Pick<ProjectStorage, "endpoint" | "prefix">;
}

/** Which project this is: told in the settings, or written in the names of its hosts and its role. */
function refs({ target, storage }: TargetIdentity): string[] {
  const known = [...refsOfDatabase(target), refOfEndpoint(storage)];
  return [...new Set(known.filter((ref) => ref !== undefined))];
}

/**
 * Lets nothing through that would write files of one project into another's rows, or into the project that they come
 * from, unless its ref was typed.
 *
 * @param source ref of the snapshot's project, and the endpoint that backups read, as far as they are known
 * @param typed what `--production` was given
 * @throws ConfigurationError `target-mixed`, `target-is-production`, `production-not-meant`
 */
export function refuseWrongTarget(
  identity: TargetIdentity,
  source: { readonly projectRef: string | null; readonly endpoint: string | undefined },
  typed: string | undefined,
): void {
  const found = refs(identity);
  const { prefix, endpoint } = identity.storage;
  if (found.length > 1) {
    throw new ConfigurationError(
      "target-mixed",
      `The settings of target ${identity.target.name} lead to different projects: ${found.join(" and ")}.`,
      `Make ${prefix}_DATABASE_URL, ${prefix}_STORAGE_ENDPOINT and ${prefix}_PROJECT_REF those of one project.`,
    );
  }
  const ref = found[0];
  const same = (ref !== undefined && ref === source.projectRef) || endpoint === source.endpoint;
  const name = ref ?? source.projectRef ?? undefined;
  if (same && name === undefined) {
    throw new ConfigurationError(
      "target-is-production",
      `Target ${identity.target.name} is ${production}.`,
      `Set ${prefix}_PROJECT_REF to its ref, and type it: --production <ref>.`,
    );
  }
  insistOnTypedRef(identity.target.name, production, same ? name : undefined, typed);
}
