import { defineConfig } from "vitest/config";
import { compileCache } from "./test/runner/compile-cache.ts";
import { LongestFirst } from "./test/runner/longest-first.ts";

const shared = { testTimeout: 120_000, hookTimeout: 180_000, env: { ...compileCache, LIFEBOAT_REASON: "a test" } };

export default defineConfig({
  test: {
    // One more than the two cores of the machines that this runs on: tests also wait, for processes, stalls and leases.
    maxWorkers: 3,
    pool: "forks",
    reporters: ["default", "./test/faults/table/reporter.ts"],
    sequence: { sequencer: LongestFirst },
    projects: [
      // Nothing there changes its process: modules are loaded once a worker, not once a file.
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], isolate: false, ...shared } },
      {
        test: {
          name: "lab",
          include: ["test/{integration,faults,workflows}/**/*.test.ts"],
          globalSetup: ["test/lab/servers/global-setup.ts"],
          ...shared,
        },
      },
    ],
  },
});
