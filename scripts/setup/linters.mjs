// What reads the workflows for mistakes. Only `npm run check` needs them.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { appearAtOnce } from "./appear-at-once.mjs";
import { cacheFolder, toolFolder, toolProgram } from "./cache.mjs";
import { actionlint, zizmor } from "./pins.mjs";
import { SetupProblem, say } from "./say.mjs";
import { ensureTool } from "./wheels.mjs";

/**
 * Puts zizmor into the cache folder, and actionlint where there is a Go to build it with: it is published for Go and as
 * releases on GitHub, on no package index.
 */
export function ensureLinters() {
  ensureTool(zizmor);
  if (!existsSync(toolProgram(actionlint))) buildActionlint();
}

function buildActionlint() {
  if (spawnSync("go", ["version"], { stdio: "ignore" }).status !== 0) {
    say(`${actionlint.name} is left out: it is built with Go, and there is none here.`);
    return;
  }
  appearAtOnce(toolFolder(actionlint), toolProgram(actionlint), (work) => {
    say(`building ${actionlint.name} into ${cacheFolder()}`);
    const fetched = spawnSync("go", ["mod", "download", "-json", actionlint.module], { cwd: work, encoding: "utf8" });
    if (fetched.status !== 0) {
      say(`${actionlint.name} is left out: Go could not download it.`);
      return undefined;
    }
    const { Dir: source, Sum: checksum } = JSON.parse(fetched.stdout);
    if (checksum !== actionlint.checksum) {
      throw new SetupProblem(`${actionlint.name} is not the module that was pinned (${checksum}): it was not built.`);
    }
    // As the main module, so that the versions and checksums of its own go.sum hold.
    const options = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-o", join(work, actionlint.program)];
    const built = spawnSync("go", ["build", ...options, actionlint.main], { cwd: source, stdio: "ignore" });
    if (built.status === 0) return work;
    say(`${actionlint.name} is left out: this Go could not build it.`);
    return undefined;
  });
}
