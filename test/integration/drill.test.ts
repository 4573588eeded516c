import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { reportDrill } from "../../actions/lib/operations/drill/page.ts";
import * as sabotage from "../../actions/lib/operations/drill/sabotage.ts";
import * as verify from "../../actions/lib/operations/verify/verify.ts";
import { askStanding } from "../../actions/lib/vault/configured.ts";
import { createProject, dropProject, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { seedFiles, startStorage, storageSettings } from "../lab/storage/index.ts";
import { type DrillRuns, drillsWith } from "./drill-lab.ts";
import { openStagingLab, type StagingLab } from "./staging-lab.ts";

/** A drill in staging: everything that a recovery does, against real databases and a real store. */

/** Seeds whose sabotage is of a kind that these tests are about. */
const seedOf = { swapped: "00000000" } as const;

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
  expect(report.phases.map(({ name }) => name)).toEqual([
    "restore the set",
    "apply migrations",
    "check the application",
  ]);
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

test("the quarter's later attempts find nothing to do, and a rehearsal touches nothing", async () => {
  const before = (await drills.proofs()).length;
  expect(await drills.drill({ oncePerQuarter: true })).toMatchObject({ outcome: "nothing-to-do" });
  expect(await drills.drill({ dryRun: true })).toMatchObject({ outcome: "dry-run", set: lab.sets.at(-1) });
  expect(await lab.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
  expect(await drills.proofs()).toHaveLength(before);
});

test("a sabotaged set that is accepted makes the drill red, and its proof", async () => {
  using _blind = vi.spyOn(verify, "verifySet").mockImplementation(() => Promise.resolve({ outcome: "whole" } as never));
  const report = await drills.report({ scenario: "complete-loss", seed: seedOf.swapped });
  expect(report).toMatchObject({ outcome: "failed", code: "sabotage-accepted", sabotage: { refusedBy: null } });
  expect(reportDrill(report)).toMatchObject({ failure: { code: "sabotage-accepted" } });
  expect((await drills.proofs()).at(-1)?.proof).toMatchObject({
    outcome: "failed",
    drill: { sabotage: { refused: false } },
  });
  expect(await lab.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
});

test("a sabotaged set that could not be tried makes the drill red; what breaks a drill leaves staging empty all the same", async () => {
  await lab.tests.mark();
  const silent = new OperationError("s3-unavailable", "The store does not answer.");
  using broken = vi.spyOn(sabotage, "trySabotaged").mockRejectedValue(silent);
  const report = await drills.report({ scenario: "complete-loss", seed: seedOf.swapped });
  expect(report).toMatchObject({ outcome: "failed", code: "drill-failed", sabotage: null, proof: null });
  expect(await lab.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
  broken.mockRejectedValue(new TypeError("a mistake of ours"));
  await expect(drills.drill({ scenario: "complete-loss", seed: seedOf.swapped })).rejects.toThrow(TypeError);
  expect(await lab.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
});

test("files of another project stay, though staging's settings lead to them", async () => {
  await lab.tests.mark();
  const superuser = sharedPostgres(17).superuserUrl();
  const other = await createProject(superuser, "not_staging");
  try {
    await using storage = await startStorage(other);
    await seedFiles(other, storage, { count: 5, bytes: 5000, seed: 1 });
    const mixed = drillsWith({ ...lab.tests.env, ...storageSettings(storage, "STAGING") }, lab.log);
    await expect(mixed.drill({ scenario: "complete-loss" })).rejects.toMatchObject({ code: "target-mixed" });
    const { rows } = await withClient(other.superuserUrl, (client) =>
      client.query("select count(*)::int as files from storage.objects"),
    );
    expect(rows).toEqual([{ files: 5 }]);
    // Its own are found to be its own, and nothing of the question stays.
    await using own = await startStorage(lab.staging);
    const right = drillsWith({ ...lab.tests.env, ...storageSettings(own, "STAGING") }, lab.log);
    expect(await right.report({ scenario: "complete-loss" })).toMatchObject({ restored: { outcome: "equal" } });
    const left = "select count(*)::int as buckets from storage.buckets where id like 'lifeboat-%'";
    expect((await withClient(lab.staging.superuserUrl, (client) => client.query(left))).rows).toEqual([{ buckets: 0 }]);
  } finally {
    await dropProject(superuser, other.name);
  }
});

test("a check that fails makes the drill red, and staging is empty all the same", async () => {
  lab.tests.policy({ checks: [{ kind: "sql", name: "nobody", query: "select 1", expect: { value: 2 } }] });
  expect(await drills.report({ scenario: "database-failure" })).toMatchObject({
    ...{ outcome: "failed", code: "drill-check", rtoMinutes: 30 },
  });
  expect(await lab.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
});

test("what a killed drill left in staging is emptied by the next one", async () => {
  const dying = new AbortController();
  const watching = setInterval(() => {
    if (lab.log.lines.slice(before).some((line) => line.includes("restore the set"))) dying.abort(new Error("killed"));
  }, 20);
  const before = lab.log.lines.length;
  await expect(drillsWith(lab.tests.env, lab.log, dying.signal).drill({ scenario: "complete-loss" })).rejects.toThrow();
  clearInterval(watching);
  expect(await lab.whatIsThere()).toMatchObject({ state: "testing" });
  lab.tests.policy({});
  expect(await drills.report({ scenario: "complete-loss" })).toMatchObject({ restored: { outcome: "equal" } });
  expect(await lab.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
});
