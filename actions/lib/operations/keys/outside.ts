import { realpathSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { ConfigurationError } from "../../base/errors.ts";

/**
 * The folder's real path, when it lies outside the repository. It need not exist; links on the way are followed, so
 * that none leads back in.
 *
 * @throws ConfigurationError `private-keys-inside-repository`
 */
export function outsideRepository(folder: string, repository: string): string {
  const real = realPath(resolve(folder));
  const path = relative(realPath(resolve(repository)), real);
  if (path === ".." || path.startsWith(`..${sep}`) || resolve(path) === path) return real;
  throw new ConfigurationError(
    "private-keys-inside-repository",
    `Private keys would be written to ${folder}, inside the repository: one careless commit would publish them.`,
    "Give --out a folder outside of it, best on a medium that can be taken away.",
  );
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
