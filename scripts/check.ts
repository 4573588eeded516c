import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { minutesProblems } from "./check/actions-minutes.ts";
import { codeOwnerProblems } from "./check/code-owners.ts";
import { drawFloors, floorProblems, readImports, sizeProblems } from "./check/floors.ts";
import { kitScriptsAreClean } from "./check/kit-scripts.ts";
import { lockfileProblems, productionProblems } from "./check/lockfile.ts";
import { monitorPageProblems } from "./check/monitor-pages.ts";
import { promiseProblems } from "./check/promises.ts";
import { readmeProblems } from "./check/readme.ts";
import { roleProblems } from "./check/role-actions.ts";
import { runbookProblems } from "./check/runbooks.ts";
import { workflowsAreClean } from "./check/workflow-lint.ts";
import { workflowRuleProblems } from "./check/workflow-rules.ts";

/** `npm run check`: types, lint and format, packages, code owners, workflows, whether the pages say what the code really
 * does, whether the policy promises more than schedules and plan allow, and whether the runbooks are reviewed and name only
 * what is there. */
const root = new URL("..", import.meta.url).pathname;

function tool(name: string, args: readonly string[]): boolean {
  const run = spawnSync(process.execPath, [`${root}node_modules/${name}`, ...args], { cwd: root, stdio: "inherit" });
  return run.status === 0;
}

const checks: readonly (readonly [string, () => boolean | Promise<boolean>])[] = [
  ["types", () => tool("typescript/bin/tsc", ["--project", "."])],
  ["lint and format", () => tool("@biomejs/biome/bin/biome", ["check", "--error-on-warnings"])],
  ["floors", floors],
  ["packages", () => report([...lockfileProblems(root), ...productionProblems(root)])],
  ["code owners", () => report(codeOwnerProblems(root))],
  ["roles", () => report(roleProblems(root))],
  ["workflows", () => report([...workflowRuleProblems(root), ...minutesProblems(root)]) && workflowsAreClean(root)],
  ["the kit's scripts", kitScriptsAreClean],
  ["pages", async () => report(await readmeProblems(root))],
  ["promises", async () => report(await promiseProblems(root))],
  [
    "runbooks",
    async () => report([...(await runbookProblems(root, new Date())), ...(await monitorPageProblems(root))]),
  ],
];

/** Prints the floors of the core as its imports make them, and holds what was reached: small files, few imports. */
function floors(): boolean {
  const { files, imports } = readImports(root);
  for (const line of drawFloors(files, imports)) console.log(line);
  const lines = new Map(files.map((path) => [path, readFileSync(`${root}${path}`, "utf8").split("\n").length - 1]));
  return report([...floorProblems(files, imports), ...sizeProblems(lines, imports)]);
}

function report(problems: readonly string[]): boolean {
  for (const problem of problems) console.error(problem);
  return problems.length === 0;
}

let failed = 0;
for (const [name, check] of checks) {
  const passed = await check();
  if (!passed) failed++;
  console.log(`${passed ? "ok" : "FAILED"}: ${name}`);
}
process.exitCode = failed === 0 ? 0 : 1;
