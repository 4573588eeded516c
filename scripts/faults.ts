import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { tableWanted } from "../test/faults/table/reporter.ts";

/**
 * `npm run faults`: injects every fault of the table and prints what came of each.
 * `-- --nightly` kills ten times as many runs at random moments.
 */
const { values } = parseArgs({ options: { nightly: { type: "boolean", default: false } } });
const root = new URL("..", import.meta.url).pathname;
const vitest = [`${root}node_modules/vitest/vitest.mjs`, "run", "--project", "lab"];
const run = spawnSync(process.execPath, [...vitest, "test/faults/table-", "killed.test"], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, [tableWanted]: "1", ...(values.nightly && { LIFEBOAT_FAULT_KILLS: "500" }) },
});
process.exitCode = run.status ?? 1;
