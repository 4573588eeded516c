import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { tableWanted } from "../test/faults/table/reporter.ts";

/**
 * `npm run faults`: injects every fault of the table, makes the run after each, and prints the result.
 * `-- --nightly` also kills hundreds of runs at random moments, and plants every defect of a restore test with 300 seeds.
 */
const { values } = parseArgs({ options: { nightly: { type: "boolean", default: false } } });
const root = new URL("..", import.meta.url).pathname;
const vitest = [`${root}node_modules/vitest/vitest.mjs`, "run", "--project", "lab"];
const files = ["test/faults/table-", "killed.test", ...(values.nightly ? ["planted-defects.test"] : [])];
const run = spawnSync(process.execPath, [...vitest, ...files], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    [tableWanted]: "1",
    ...(values.nightly && { LIFEBOAT_FAULT_KILLS: "500", LIFEBOAT_FAULT_SEEDS: "300" }),
  },
});
process.exitCode = run.status ?? 1;
