import { ConfigurationError } from "../../base/errors.ts";
import type { ProjectStorage, Target } from "../../config/environment.ts";
import { targetNames } from "../target/whose.ts";

/**
 * Lets no files of one project into another's rows: database, endpoint and ref of the target's settings are one project's.
 * @throws ConfigurationError `target-mixed`
 */
export function refuseMixed(
  target: Pick<Target, "name" | "projectRef" | "database">,
  storage: Pick<ProjectStorage, "endpoint" | "prefix">,
): void {
  const { refs } = targetNames(target, storage);
  if (refs.length <= 1) return;
  const { prefix } = storage;
  throw new ConfigurationError(
    "target-mixed",
    `The settings of target ${target.name} lead to different projects: ${refs.join(" and ")}.`,
    `Make ${prefix}_DATABASE_URL, ${prefix}_STORAGE_ENDPOINT and ${prefix}_PROJECT_REF those of one project.`,
  );
}
