import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { tableWanted } from "../test/faults/table/reporter.ts";

/**
 * `npm run faults`: injects every fault of the table, makes the run after each, and prints the result.
 * `-- --nightly` also kills hundreds of runs at random moments, and plants every defect of a restore test with 300 seeds.
 * `-- --full` makes retention's part of it as long as it gets, which takes hours: every sequence of eight events, ten million
 * days. It also replays three hundred histories of migrations, plays 20,000 incidents of a recovery instead of 1,000, and lives through forty
 * quiet years of the monitor, and puts 240 accidents with rows right.
 */
const { values } = parseArgs({
  options: { nightly: { type: "boolean", default: false }, full: { type: "boolean", default: false } },
});
const root = new URL("..", import.meta.url).pathname;
const vitest = [`${root}node_modules/vitest/vitest.mjs`, "run", "--project", "lab"];
const files = [
  "test/faults/table-",
  "test/faults/retention-",
  "test/faults/migration-",
  "test/faults/recovery-",
  "test/faults/quiet-",
  "test/faults/repair-",
  "test/faults/audit-",
  "killed.test",
  ...(values.nightly ? ["planted-defects.test"] : []),
];
const run = spawnSync(process.execPath, [...vitest, ...files], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    [tableWanted]: "1",
    ...(values.nightly && { LIFEBOAT_FAULT_KILLS: "500", LIFEBOAT_FAULT_SEEDS: "300" }),
    ...(values.full && {
      ...{ LIFEBOAT_RETENTION_EVENTS: "8", LIFEBOAT_RETENTION_DAYS: "10000000", LIFEBOAT_MIGRATION_HISTORIES: "300" },
      ...{ LIFEBOAT_RECOVERY_INCIDENTS: "20000", LIFEBOAT_QUIET_YEARS: "40", LIFEBOAT_ACCIDENTS: "240" },
      LIFEBOAT_AUDIT_TAMPERINGS: "10000",
    }),
  },
});
process.exitCode = run.status ?? 1;
