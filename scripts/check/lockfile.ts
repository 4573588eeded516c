import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { z } from "zod";
import { reachedWithKeys } from "./code-owners.ts";

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

const manifestSchema = z.looseObject({ dependencies: names });
/** Packages that a file imports to run; types are gone by then. */
const imported = /(?:^|\n)(?:import(?! type)[^;]*?from |import |export [^;]*?from |.*\bimport\()"([^".][^"]*)"/g;

/** Packages that a job with keys imports and that its installation, production's alone, leaves out. */
export function productionProblems(root: string): string[] {
  const { dependencies } = manifestSchema.parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  return [...reachedWithKeys(root)]
    .filter((path) => /\.m?[jt]s$/.test(path))
    .flatMap((path) =>
      [...readFileSync(join(root, path), "utf8").matchAll(imported)]
        .map(([, name = ""]) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name)
        .filter((name) => !isBuiltin(name) && dependencies[name] === undefined)
        .map((name) => `${path} imports ${name}, which is no dependency: a job with keys installs nothing else.`),
    );
}
