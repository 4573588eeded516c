import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const names = z.record(z.string(), z.string()).default({});
const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ dependencies: names, optionalDependencies: names, resolved: z.string().optional() }),
  ),
});

/**
 * What would make `npm ci` fail elsewhere: a build for another platform that the lockfile has left out (npm 11 refuses
 * such a lockfile, npm 10 does not), or a package that it says to fetch from one registry only.
 */
export function lockfileProblems(root: string): string[] {
  const { packages } = lockSchema.parse(JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")));
  const present = new Set(Object.keys(packages).map((path) => path.slice(path.lastIndexOf("node_modules/") + 13)));
  return Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies, resolved }]) => [
    ...Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !present.has(name))
      .map((name) => `package-lock.json: ${path} needs ${name}, which has no entry.`),
    ...(resolved?.startsWith("http") ? [`package-lock.json: ${path} names the registry that it came from.`] : []),
  ]);
}
