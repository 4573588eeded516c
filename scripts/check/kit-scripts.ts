import { spawnSync } from "node:child_process";
import { renderKitPrograms } from "../../actions/lib/recover/pages.ts";
import { auditScript } from "../../actions/lib/vault/audit/script.ts";
import { toolProgram } from "../setup/cache.mjs";
import { shellcheck } from "../setup/pins.mjs";
import { say } from "../setup/say.mjs";
import { ensureTool } from "../setup/wheels.mjs";

/**
 * shellcheck on the rescue kit's scripts, as they go into the kit, without a finding; it prints what it finds. It is on the package index for
 * x64 alone.
 * @throws SetupProblem when it can't be brought
 */
export function kitScriptsAreClean(): boolean {
  if (process.arch !== "x64") {
    say(`${shellcheck.name} is left out: there is none for this machine.`);
    return true;
  }
  ensureTool(shellcheck);
  return Object.entries({ ...renderKitPrograms(), "verify-audit.sh": auditScript() })
    .map(([name, input]) => {
      const run = spawnSync(toolProgram(shellcheck), ["--shell=bash", "--format=gcc", "-"], {
        input,
        encoding: "utf8",
      });
      for (const line of run.stdout.split("\n").filter((each) => each !== "")) console.error(`${name}${line.slice(1)}`);
      return run.status === 0;
    })
    .every((clean) => clean);
}
