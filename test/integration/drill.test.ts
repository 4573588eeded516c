import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { askStanding } from "../../actions/lib/vault/configured.ts";
import { type DrillRuns, drillsWith } from "./drill-lab.ts";
import { openStagingLab, type StagingLab } from "./staging-lab.ts";

/** A drill in staging: everything that a recovery does, against real databases and a real store. */

let lab: StagingLab;
let drills: DrillRuns;

beforeAll(async () => {
  lab = await openStagingLab(["daily"]);
  drills = drillsWith(lab.tests.env, lab.log);
  lab.tests.policy({
    checks: [
      { kind: "sql", name: "people are there", query: "select count(*) > 0 from auth.users", expect: { value: true } },
    ],
  });
});
afterAll(async () => await lab?.[Symbol.asyncDispose]());

test("a project without the marker is not touched, and nothing is noted", async () => {
  await expect(drills.drill()).rejects.toMatchObject({ code: "staging-unmarked" });
  expect(await drills.proofs()).toEqual([]);
});

test("complete loss is played in staging, timed, signed, and staging is empty again", async () => {
  await lab.tests.mark();
  const report = await drills.report({ scenario: "complete-loss", seed: "00000001", humanMinutes: 12 });
  expect(report).toMatchObject({ outcome: "proven", failures: [], restored: { outcome: "equal" } });
  expect(report.phases.map(({ name }) => name)).toEqual(["restore the set", "check the application"]);
  expect(report.sabotage?.refusedBy).toBeTruthy();
  expect(await lab.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
  const [proof] = await drills.proofs();
  expect(proof?.proof).toMatchObject({
    ...{ set: lab.sets.at(-1), outcome: "proven" },
    drill: { scenario: "complete-loss", human: { minutes: 12 }, sabotage: { refused: true } },
  });
  // What `policy check` and the daily summary compare the promise with.
  const config = await loadConfig({ needs: ["vault"], env: { ...lab.tests.env } });
  const { played } = await askStanding(config);
  expect(played).toMatchObject([{ scenario: "completeLoss", withPeople: true }]);
  expect(played[0]?.minutes).toBeCloseTo(12 + report.machineSeconds / 60, 3);
});
