// Python of the machine: with pip and its standard library it downloads and unpacks what is pinned.
import { spawnSync } from "node:child_process";
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
