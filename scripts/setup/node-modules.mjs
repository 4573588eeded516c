// npm ci, but only when node_modules is not what package-lock.json says.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./cache.mjs";
import { SetupProblem, say } from "./say.mjs";

/**
 * npm leaves a copy of what it installed in node_modules/.package-lock.json. A package that the lockfile has and that
 * copy has not is fine only where it is optional (another platform's build), or where development's are not asked for.
 *
 * @param {string} root
 * @param {"all" | "production"} kind
 */
function upToDate(root, kind) {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(installed, "utf8")).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    const spared = kind === "production" && (entry.dev === true || entry.devOptional === true);
    if (present[path] === undefined) return entry.optional === true || spared;
    return present[path].version === entry.version;
  });
}

/**
 * @param {string} root the checkout
 * @param {"all" | "production"} [kind] production leaves out what only checks and tests need, and Node 24 itself
 */
export function ensureNodeModules(root, kind = "all") {
  if (upToDate(root, kind)) return;
  say("installing the packages of package-lock.json (npm ci)");
  // Nothing here needs an install script; npm's own cache folder in the home directory is left alone.
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  if (kind === "production") options.push("--omit=dev", "--omit=optional");
  const cache = join(cacheFolder(), "npm");
  const run = spawnSync("npm", ["ci", ...options, "--cache", cache, "--prefer-offline"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (run.error) throw new SetupProblem("npm was not found: install Node.js 20 or newer with npm and run this again.");
  if (run.status !== 0) throw new SetupProblem("npm ci failed: read its message above, then run this again.");
}
