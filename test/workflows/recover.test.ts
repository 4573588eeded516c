import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keysIn } from "../integration/backup-lab.ts";
import { type LossLab, openLossLab } from "../integration/loss-lab.ts";
import { PLANTED_EMAIL } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { legacyKey } from "../lab/supabase-api/routes/keys.ts";
import { type ActRun, type Checkout, checkOut } from "./checkout.ts";
import { expectUntold, secretsIn } from "./workflow-lab.ts";

/** The button for a disaster with a scenario, as act runs it against the simulated Supabase: a rehearsal, then a new project. */

let lab: LossLab;
let checkout: Checkout;
let secrets: Record<string, string>;

beforeAll(async () => {
  lab = await openLossLab("act_lost_project");
  await lab.backUp();
  lab.supabase.world.projects.delete(lab.production.ref);
  checkout = checkOut(JSON.parse(readFileSync(String(lab.env["LIFEBOAT_POLICY"]), "utf8")), lab.sets.publicKeys);
  const { DATABASE_URL, BACKUP_SIGNING_KEY, BACKUP_SIGNING_PASSPHRASE, XDG_STATE_HOME, ...held } = secretsIn(lab.env);
  secrets = held;
});
afterAll(async () => {
  checkout?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

function press(inputs: Record<string, string>): Promise<ActRun> {
  const runner = { LIFEBOAT_PG_BIN: sharedPostgres(17).binDir };
  return checkout.run("restore", { name: "workflow_dispatch", inputs, env: runner, secrets });
}

function expectNoSecret({ output }: ActRun): void {
  const kept = ["RESTORE_PRIVATE_KEY", "AWS_SECRET_ACCESS_KEY", "SUPABASE_ACCESS_TOKEN"];
  const [project] = lab.made();
  const made =
    project === undefined ? [] : [project.password, legacyKey(project, "anon"), legacyKey(project, "service_role")];
  expectUntold(output, secrets, kept, [PLANTED_EMAIL, ...made]);
}

test("a complete loss is rehearsed, then one project is made, filled, checked and handed over", async () => {
  const rehearsed = await press({ scenario: "complete-loss" });
  expect(rehearsed.code, rehearsed.output).toBe(0);
  expect(rehearsed.output).toContain("Nothing was written");
  expect(rehearsed.output).not.toContain("Run Main Play the scenario");
  expect(lab.made()).toEqual([]);
  expectNoSecret(rehearsed);

  const ended = await press({ scenario: "complete-loss", write: "true" });
  expect(ended.code, ended.output).toBe(0);
  expect(ended.output).toMatch(/Recovered into project \w+/);
  expect(ended.output).not.toContain("Run Main Restore");
  expect(lab.made()).toHaveLength(1);
  const reports = await Promise.all(
    (await keysIn(lab.sets.vault, "reports/")).map(async (key) => (await lab.sets.vault.get(key)).body),
  );
  const told = reports.map((body) => Buffer.from(body).toString("utf8")).filter((text) => text.includes("recovered"));
  expect(told.some((text) => text.includes("recover") && text.includes("make the project"))).toBe(true);
  expectNoSecret(ended);
}, 600_000);

test("what stayed off is switched on by the same button, when it is said what", async () => {
  const unsaid = await press({ scenario: "complete-loss", do: "switch-on", write: "true" });
  expect(unsaid.code).toBe(1);
  expect(unsaid.output).toMatch(/::error[^\n]*switch-on needs which/);
  expect(unsaid.output).not.toContain("Run Main Play the scenario");
  const [project] = lab.made();
  const before = project?.network.v4;
  const ended = await press({ scenario: "complete-loss", do: "switch-on", which: "all", write: "true" });
  expect(ended.code, ended.output).toBe(0);
  expect(ended.output).toMatch(/things? switched on; 0 things still off/);
  expect(project?.network.v4).not.toEqual(before);
  expect(lab.made()).toHaveLength(1);
  expectNoSecret(ended);
}, 300_000);

test("pressed once more by mistake it makes nothing", async () => {
  const ended = await press({ scenario: "complete-loss", write: "true" });
  expect(ended.code).toBe(1);
  expect(ended.output).toMatch(/::error[^\n]*Recovery [\w-]+ was handed over/);
  expect(lab.made()).toHaveLength(1);
});
