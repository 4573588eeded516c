// Python of the machine: with pip and its standard library it downloads and unpacks what is pinned.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SetupProblem } from "./say.mjs";

/** @param {string[]} args @param {string} failure what did not work, for the message */
export function python(args, failure) {
  const run = spawnSync("python3", args, { encoding: "utf8" });
  if (run.error) throw new SetupProblem("python3 was not found: install Python 3 with pip and run this again.");
  if (run.status === 0) return;
  const reason = /** @type {string} */ (run.stderr).trim().split("\n").at(-1) ?? "";
  if (reason.includes("No module named pip")) {
    throw new SetupProblem("Python 3 has no pip: install it (Debian: apt-get install python3-pip) and run this again.");
  }
  throw new SetupProblem(`${failure} (${reason})`);
}

/**
 * Installs exactly these packages into a folder of their own.
 * @param {string} work folder for what is needed meanwhile
 * @param {string} packages lines of a requirements file, with their hashes
 * @param {string[]} platform options that choose another one than this machine's
 * @param {string} failure what did not work, for the message
 * @returns {string} the folder with the packages
 */
export function installPackages(work, packages, platform, failure) {
  const list = join(work, "packages.txt");
  const tree = join(work, "tree");
  writeFileSync(list, packages);
  const quiet = [
    "--quiet",
    "--disable-pip-version-check",
    "--no-cache-dir",
    "--no-compile",
    "--root-user-action=ignore",
  ];
  const exact = ["--no-deps", "--require-hashes", "--only-binary=:all:"];
  python(["-m", "pip", "install", ...quiet, ...exact, ...platform, "--target", tree, "--requirement", list], failure);
  return tree;
}
