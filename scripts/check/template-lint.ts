import { spawnSync } from "node:child_process";
import { delimiter } from "node:path";
import { cfnLintFolder, ensureCfnLint } from "../setup/cfn-lint.mjs";
import { ensureMoto, motoFolder } from "../setup/moto.mjs";

const program = "import sys; from cfnlint.runner import main; sys.exit(main())";

/**
 * What cfn-lint finds in CloudFormation templates, a line each.
 *
 * @throws SetupProblem when cfn-lint can't be brought
 */
export function templateFindings(paths: readonly string[]): string[] {
  ensureMoto();
  ensureCfnLint();
  const run = spawnSync("python3", ["-c", program, "--format", "parseable", "-t", ...paths], {
    encoding: "utf8",
    env: { ...process.env, PYTHONPATH: [cfnLintFolder(), motoFolder()].join(delimiter) },
  });
  const lines = `${run.stdout}${run.stderr}`.split("\n").filter((line) => line !== "");
  return run.status === 0 || lines.length > 0 ? lines : ["cfn-lint ended without a word: run it by hand"];
}
