import { defineConfig } from "vitest/config";

const timeouts = { testTimeout: 120_000, hookTimeout: 180_000 };

export default defineConfig({
  test: {
    // The machines that this runs on have two cores, and the servers want some of them.
    maxWorkers: 2,
    pool: "forks",
    reporters: ["default", "./test/faults/table/reporter.ts"],
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], ...timeouts } },
      {
        test: {
          name: "lab",
          include: ["test/{integration,faults,workflows}/**/*.test.ts"],
          globalSetup: ["test/lab/servers/global-setup.ts"],
          ...timeouts,
        },
      },
    ],
  },
});
