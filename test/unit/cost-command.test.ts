import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import own from "../../lifeboat.config.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-cost-"));
afterAll(() => rmSync(folder, { recursive: true }));

function run(args: readonly string[], env: Record<string, string> = {}) {
  const { PATH = "", HOME = "" } = process.env;
  const result = spawnSync(process.execPath, ["scripts/lifeboat.mjs", "cost", ...args], {
    encoding: "utf8",
    env: { PATH, HOME, ...env },
  });
  return { code: result.status, out: result.stdout, err: result.stderr };
}

/** @param change top-level sections of the policy */
function policyFile(name: string, change: object): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, JSON.stringify({ ...own, ...change }));
  return path;
}
const rich = {
  ...own.cost,
  estimate: { supabase: 1000, standard: 1000, glacier: 1000, transfer: 1000, actions: 1000 },
};

test("says line by line what the repository's policy costs, ends with 1 because it is more than $42, and draws it", () => {
  const picture = join(folder, "cost.svg");
  const { code, out } = run(["--offline", "--months", "24", "--picture", picture]);
  expect(code).toBe(1);
  expect(out).toMatch(/Point-in-time recovery, 7 days +1\.00 month +100 +\$100\.00/);
  expect(out).toMatch(/Supabase +\$130\.00 +\$25\.00 +OVER by \$105\.00/);
  expect(out).toMatch(/The estimate of the policy +\$42\.00 +\d{4}-\d\d-\d\d/);
  expect(out).toMatch(/of \$42\.00 that the policy expects; over: Supabase\.\n$/);
  expect(readFileSync(picture, "utf8")).toMatch(/^<svg[\s\S]*full copies[\s\S]*ours[\s\S]*estimate/);
});

test("another policy stands beside it: what a change costs in a year, with the schedules that lie beside that file", () => {
  const { out } = run([
    "--offline",
    "--json",
    "--policy",
    policyFile("longer.json", {
      tiers: { ...own.tiers, daily: { retentionDays: 300, lock: "governance" } },
      cost: rich,
    }),
  ]);
  const { whatIf, beside } = JSON.parse(out);
  expect(whatIf.moreAYear).toBeGreaterThan(5);
  expect(beside.every((one: { over: boolean }) => !one.over)).toBe(true);
  // The same policy, and a monitor that looks once a day.
  const calm = policyFile("calm/lifeboat.json", { cost: rich });
  const workflows = join(folder, "calm/.github/workflows");
  cpSync(resolve(".github/workflows"), workflows, { recursive: true });
  const monitor = join(workflows, "monitor.yml");
  writeFileSync(monitor, readFileSync(monitor, "utf8").replace(/.*- cron: "23 0,.*\n/, ""));
  expect(JSON.parse(run(["--offline", "--json", "--policy", calm]).out).whatIf.moreAYear).toBeLessThan(-5);
}, 240_000);

test("ends with 2 where there is nothing to compare with, no price, or no such policy", () => {
  const { estimate: _, ...without } = own.cost ?? {};
  const missing = run(["--offline"], { LIFEBOAT_POLICY: policyFile("no-budget.json", { cost: without }) });
  expect([missing.code, missing.err]).toEqual([
    2,
    expect.stringMatching(/nothing to compare the bill with[\s\S]*cost\.estimate/),
  ]);
  const elsewhere = policyFile("mars.json", {
    regions: ["mars-1"],
    promises: { ...own.promises, vault: { region: "mars-1" } },
  });
  expect(run(["--offline", "--policy", elsewhere])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/no prices of region mars-1/),
  });
  expect(run(["--offline", "--policy", join(folder, "none.json")]).code).toBe(2);
  expect(run(["--months", "0"]).code).toBe(2);
}, 240_000);
