import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import own from "../../lifeboat.config.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-promises-"));
afterAll(() => rmSync(folder, { recursive: true }));

function run(args: readonly string[], env: Record<string, string> = {}) {
  const { PATH = "", HOME = "" } = process.env;
  const result = spawnSync(process.execPath, ["scripts/lifeboat.mjs", "policy", ...args], {
    encoding: "utf8",
    env: { PATH, HOME, ...env },
  });
  return { code: result.status, out: result.stdout, err: result.stderr };
}

function policyFile(name: string, promises: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify({ ...own, promises }));
  return path;
}

test("ends with 1 and names each contradiction of a schedule that cannot keep its promises", () => {
  const file = policyFile("asked.json", {
    schedules: { weekly: "0 1 * * 0", monthly: "0 2 1-7 * 0", files: "0 3 1 * *" },
  });
  const { code, out } = run(["check", "--policy", file, "--offline", "--json"]);
  expect(code).toBe(1);
  const { green, findings } = JSON.parse(out);
  expect(green).toBe(false);
  const broken = findings.filter((one: { level: string }) => one.level === "broken");
  expect(broken.map((one: { name: string }) => one.name)).toEqual(
    expect.arrayContaining(["cron.either-day", "rpo.pitr", "rpo.database", "rpo.files"]),
  );
  for (const { next } of broken) expect(next).toMatch(/\.$/);
});

test("ends with 0 where every promise is kept, and takes the policy from the environment too", () => {
  const file = policyFile("kept.json", {
    supabase: { pitrDays: 7, region: "us-east-1" },
    vault: { region: "eu-central-1" },
    lateMinutes: 0,
    scenarios: { completeLoss: { rpoMinutes: 1500 }, regionalDisaster: { rpoMinutes: 1500 } },
    schedules: { daily: "7 4 * * *", files: "7 5 * * *", restoreTest: "7 6 1 * *" },
  });
  const { code, out } = run(["check"], { LIFEBOAT_POLICY: file });
  expect(out).toMatch(/No promise is better than the truth\. The vault was not asked\.\n$/);
  expect(code).toBe(0);
});

test("ends with 2 on wrong use: another word, a policy that is none, no workflows", () => {
  expect(run(["look"]).code).toBe(2);
  const wrong = policyFile("wrong.json", { scenarios: { completeLoss: { rpoMinutes: -1 } } });
  expect(run(["check", "--policy", wrong]).err).toMatch(/promises\.scenarios\.completeLoss\.rpoMinutes/);
  expect(run(["check", "--policy", join(folder, "none.json")]).code).toBe(2);
  expect(run(["check", "--workflows", folder]).err).toMatch(/There is no workflow in/);
});
