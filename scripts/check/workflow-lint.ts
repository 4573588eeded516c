import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { toolProgram } from "../setup/cache.mjs";
import { ensureLinters } from "../setup/linters.mjs";
import { actionlint, zizmor } from "../setup/pins.mjs";

/**
 * actionlint and zizmor on the workflows and actions, each without a finding; they print what they find. Where actionlint
 * can't be built it is passed over, but not on GitHub, whose runners can.
 *
 * @throws SetupProblem when zizmor can't be brought
 */
export function workflowsAreClean(root: string): boolean {
  ensureLinters();
  const passes = (program: string, args: readonly string[]): boolean =>
    spawnSync(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] }).status === 0;
  const zizmorPasses = passes(toolProgram(zizmor), ["--offline", "--quiet", "--persona=pedantic", "."]);
  if (!existsSync(toolProgram(actionlint))) return zizmorPasses && process.env["GITHUB_ACTIONS"] !== "true";
  // Shellcheck and pyflakes differ from machine to machine, and there is next to no shell in the workflows.
  return passes(toolProgram(actionlint), ["-shellcheck=", "-pyflakes="]) && zizmorPasses;
}
