import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DrillRuns, drillsWith, openProjectDrillLab, type ProjectDrillLab } from "../integration/drill-lab.ts";
import { PLANTED_EMAIL } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { type ActRun, type Checkout, checkOut } from "./checkout.ts";
import { expectUntold, secretsIn } from "./workflow-lab.ts";

/** The drill as act runs it: a project is made in a simulated Supabase, filled, checked, and deleted. */

let lab: ProjectDrillLab;
let drills: DrillRuns;
let checkout: Checkout;

beforeAll(async () => {
  lab = await openProjectDrillLab("act_drilled");
  drills = drillsWith(lab.env, lab.log);
  checkout = checkOut(JSON.parse(readFileSync(join(lab.sets.folder, "policy.json"), "utf8")), lab.sets.publicKeys);
});
afterAll(async () => {
  checkout?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

async function run(
  name: "schedule" | "workflow_dispatch",
  { inputs = {}, secrets = {} }: { inputs?: Record<string, string>; secrets?: Record<string, string> } = {},
): Promise<ActRun> {
  const { SUPABASE_PROJECT_URL = "", ...env } = { ...lab.env, ...secrets };
  const ended = await checkout.run("disaster-drill", {
    ...{ name, inputs, env: { LIFEBOAT_PG_BIN: sharedPostgres(17).binDir }, secrets: secretsIn(env) },
    vars: { SUPABASE_PROJECT_URL },
  });
  const kept = ["RESTORE_PRIVATE_KEY", "AWS_SECRET_ACCESS_KEY", "SUPABASE_ACCESS_TOKEN", "DATABASE_URL"];
  expectUntold(ended.output, env, kept, [PLANTED_EMAIL]);
  return ended;
}

test("a token that can read production fails the job, names the page, and nothing is made", async () => {
  const ended = await run("schedule", { secrets: { SUPABASE_ACCESS_TOKEN: lab.supabase.token } });
  expect(ended.code, ended.output).toBe(1);
  expect(ended.output).toMatch(/::error[^\n]*can read production/);
  expect(ended.output).toContain("runbooks/drill-failed.md");
  expect([lab.made(), await drills.proofs()]).toEqual([[], []]);
}, 300_000);

test("a disaster is played once a quarter: proven, signed, and its project deleted", async () => {
  const first = await run("schedule");
  expect(first.code, first.output).toBe(0);
  expect(first.output).toContain("is proven: back in");
  expect((await drills.proofs()).map(({ proof }) => proof)).toMatchObject([
    { outcome: "proven", drill: { sabotage: { refused: true }, withFiles: true } },
  ]);
  expect(lab.made()).toEqual([]);

  const second = await run("schedule");
  expect(second.code, second.output).toBe(0);
  expect(second.output).toContain("This quarter has its drill");
  expect(await drills.proofs()).toHaveLength(1);
}, 600_000);

test("the button plays a scenario again, with a seed and with people's time", async () => {
  const inputs = { scenario: "complete-loss", seed: "00000007", "human-minutes": "21" };
  const ended = await run("workflow_dispatch", { inputs });
  expect(ended.code, ended.output).toBe(0);
  expect((await drills.proofs()).at(-1)?.proof.drill).toMatchObject({
    ...{ scenario: "complete-loss", human: { minutes: 21 } },
    sabotage: { seed: "00000007", kind: "rewritten keys", refused: true },
  });
  expect(lab.made()).toEqual([]);
}, 300_000);
