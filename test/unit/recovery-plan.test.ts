import { expect, test } from "vitest";
import type { Policy } from "../../actions/lib/config/policy/policy.ts";
import { promisesPolicySchema } from "../../actions/lib/config/policy/promises.ts";
import type { LossPlan } from "../../actions/lib/operations/recover/complete-loss/facts.ts";
import { lossPhases } from "../../actions/lib/operations/recover/complete-loss/phases.ts";
import { assertWithinBudget, diskFor, monthlyPrice } from "../../actions/lib/supabase/new-project/plan.ts";

const GB = 1024n ** 3n;

const plan = (change: Partial<LossPlan> = {}): LossPlan => ({
  candidates: [{ tier: "daily", set: "20261122T221500Z-1a2b3c4d", why: "it is the newest", archived: false }],
  ...{ snapshotAt: "2026-11-22T22:15:00.000Z", databaseBytes: String(GB), withFiles: true, migrations: [] },
  project: { name: "lab", organization: "org", region: "us-east-1", size: "small", diskGigabytes: 8, dollars: 15 },
  ...change,
});
const policy = { promises: promisesPolicySchema.parse({}) } as unknown as Policy;
const names = (given: LossPlan) => lossPhases(given, policy, "complete-loss").map(({ name }) => name);

test("all phases together have at most three quarters of the RTO, and each says what to do when it is late", () => {
  for (const [scenario, minutes] of [
    ["complete-loss", 120],
    ["regional-disaster", 240],
  ] as const) {
    const phases = lossPhases(plan(), policy, scenario);
    const seconds = phases.reduce((sum, { deadlineSeconds }) => sum + deadlineSeconds, 0);
    expect(seconds).toBeLessThanOrEqual(minutes * 60 * 0.75);
    expect(seconds).toBeGreaterThan(minutes * 60 * 0.7);
    for (const { deadlineSeconds, usuallySeconds, whenLate } of phases) {
      expect(usuallySeconds).toBeLessThan(deadlineSeconds);
      expect(whenLate).toMatch(/^[A-Z].*\.$/);
    }
  }
});

test("an archive is asked for first, and a target that a person has made is neither made nor resized", () => {
  expect(names(plan())[0]).toBe("make the project");
  const [candidate] = plan().candidates;
  if (candidate === undefined) throw new Error("no candidate");
  const archived = plan({ candidates: [{ ...candidate, tier: "monthly", archived: true }] });
  expect(names(archived).slice(0, 2)).toEqual(["ask for the archive", "make the project"]);
  expect(names(plan({ project: null }))).toEqual([
    ...[
      "restore the set",
      "apply migrations",
      "carry the configuration",
      "try the configuration",
      "check the application",
    ],
  ]);
});

test("a disk has room for three times the set, its log and the server, and its price counts", () => {
  expect(diskFor(10n * 1024n ** 2n)).toBe(8);
  expect(diskFor(GB)).toBe(8);
  expect(diskFor(20n * GB)).toBe(61);
  const prices = { compute: new Map([["small", 15]]), size: undefined };
  expect(monthlyPrice(prices, "small", 8)).toBe(15);
  expect(monthlyPrice(prices, "small", 61)).toBe(21.63);
  expect(monthlyPrice(prices, "gigantic", 8)).toBeUndefined();
  expect(() => assertWithinBudget(15, 15, "A project")).not.toThrow();
  expect(() => assertWithinBudget(15.01, 15, "A project")).toThrow(/recovery\.mostUsdPerMonth/);
});
