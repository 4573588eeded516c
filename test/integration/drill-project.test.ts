import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { readSourceLoss } from "../../actions/lib/operations/drill/lost.ts";
import { execute } from "../lab/index.ts";
import { addProject } from "../lab/supabase-api/index.ts";
import { keysIn } from "./backup-lab.ts";
import { type DrillRuns, drillsWith, openProjectDrillLab, type ProjectDrillLab } from "./drill-lab.ts";

/** A drill that makes a project of its own in another organisation, against a simulated Supabase with real databases and files behind it. */

let lab: ProjectDrillLab;
let drills: DrillRuns;

beforeAll(async () => {
  lab = await openProjectDrillLab("drilled_project");
  drills = drillsWith(lab.env, lab.log);
});
afterAll(() => lab?.[Symbol.asyncDispose]());
afterEach(() => lab.policy({}));

const writes = () => lab.supabase.requests.filter((request) => !request.startsWith("GET "));
const notes = async () => (await keysIn(lab.sets.vault, "drills/")).length;

test("a token that can read production is refused before anything is made, and so is production's own organisation", async () => {
  const reading = drillsWith({ ...lab.env, SUPABASE_ACCESS_TOKEN: lab.supabase.token }, lab.log);
  await expect(reading.drill()).rejects.toMatchObject({ code: "token-reads-production" });
  lab.policy({ organization: "org" });
  await expect(drills.drill()).rejects.toMatchObject({ code: "drill-organization" });
  expect([writes(), await notes(), lab.made()]).toEqual([[], 0, []]);
});

test("a project that costs more than the drill may is not made", async () => {
  const other = addProject(lab.supabase.world, { name: "tells the prices", organization: "drills" });
  lab.policy({ mostUsd: 0.01 });
  await expect(drills.drill()).rejects.toMatchObject({ code: "drill-over-budget" });
  expect([writes(), await notes()]).toEqual([[], 0]);
  lab.supabase.world.projects.delete(other.ref);
});

test("everything comes back into a project that is made and deleted, with files, timed and paid", async () => {
  await execute(
    lab.source.superuserUrl,
    `insert into storage.objects (bucket_id, name) select id, 'since.txt' from storage.buckets limit 1;
     insert into public.classes (name) values ('since')`,
  );
  const report = await drills.report({ scenario: "complete-loss", seed: "00000003" });
  expect(report, report.failures.join("\n")).toMatchObject({ outcome: "proven", failures: [] });
  expect(report.restored?.files).toMatchObject({ outcome: "equal", count: 20 });
  // The class, and what a trigger wrote of it.
  expect(report.lost).toMatchObject({ rows: 2, files: 1 });
  expect(report.configuration).toMatchObject({ why: null, counts: { refused: 0 } });
  expect(report.configuration?.counts.carried).toBeGreaterThan(50);
  expect(report.dollars).toBeGreaterThan(0);
  expect(report.phases.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["make the project", "restore the set"]),
  );
  expect(lab.made()).toEqual([]);
  expect(writes().filter((request) => request.startsWith("DELETE "))).toHaveLength(1);
});

test("the loss of production's region is played from the replica, into another one", async () => {
  const elsewhere = drillsWith({ ...lab.env, ...lab.replica }, lab.log);
  const before = lab.log.lines.length;
  const report = await elsewhere.report({ scenario: "regional-disaster" });
  expect(report, report.failures.join("\n")).toMatchObject({ outcome: "proven", rtoMinutes: 240 });
  expect(report.restored?.files).toMatchObject({ outcome: "equal", count: 20 });
  expect(lab.log.lines.slice(before).join("\n")).toMatch(/Project \w+ in eu-central-1/);
  expect(lab.made()).toEqual([]);
  // Only without a replica is there nothing to play it from.
  await expect(drills.drill({ scenario: "regional-disaster", dryRun: true })).rejects.toMatchObject({
    code: "configuration",
  });
}, 120_000);

test("a newest set that does not open ends no drill: what is lost is then counted without its rows, also by the rows of the last minutes", async () => {
  const sentinels = await readFile(new URL("../../runbooks/sql/sentinels.sql", import.meta.url), "utf8");
  await execute(lab.source.postgresUrl, sentinels);
  await execute(lab.source.postgresUrl, "select lifeboat.write_sentinel()");
  const asking = { env: lab.env, log: lab.log, signal: new AbortController().signal, at: Date.now() + 60_000 };
  const damaged = async () => {
    throw new OperationError("inventory-unreadable", "The inventory of the set cannot be read.");
  };
  const loss = await readSourceLoss(damaged, new Date(0).toISOString(), asking);
  expect(loss).toMatchObject({ rows: null, files: expect.any(Number) });
  expect(loss?.sentinels).toBeGreaterThan(0);
  expect(loss?.files).toBeGreaterThan(0);
});

/** Where a drill dies, and what the simulated Supabase has of it then. */
test.each([
  ["as soon as Supabase has made the project, before its ref is noted", "the project is asked for"],
  ["while the set is restored", "the set is restored"],
])(
  "a drill that is killed %s leaves nothing that the next one does not delete",
  async (_when, moment) => {
    const dying = new AbortController();
    const killed = drillsWith(lab.env, lab.log, dying.signal);
    const before = lab.log.lines.length;
    if (moment === "the project is asked for")
      lab.supabase.world.heard = async (request) => {
        if (lab.made().length > 0 || (request === "GET /v1/projects" && lab.made().length > 0))
          dying.abort(new Error("killed"));
      };
    const watching = setInterval(() => {
      const restoring = lab.log.lines.slice(before).some((line) => line.includes("restore the set"));
      if (moment === "the set is restored" && restoring) dying.abort(new Error("killed"));
    }, 20);
    await expect(killed.drill({ scenario: "complete-loss" })).rejects.toThrow();
    clearInterval(watching);
    lab.supabase.world.heard = undefined;
    const [left, ...more] = lab.made();
    expect([left?.organization, more]).toEqual(["drills", []]);

    // Nothing to play this quarter, and what the dead one left goes all the same.
    expect(await drills.drill({ oncePerQuarter: true })).toMatchObject({ outcome: "nothing-to-do" });
    expect(lab.made()).toEqual([]);
  },
  120_000,
);

test("a project that no drill has made is not deleted, whatever its name says", async () => {
  const name = "lab-drill 20260101T000000Z-00000000";
  const theirs = addProject(lab.supabase.world, { name, organization: "drills" });
  await expect(drills.drill()).rejects.toMatchObject({ code: "recovery-state-lost" });
  expect(lab.made().map(({ ref }) => ref)).toEqual([theirs.ref]);
  lab.supabase.world.projects.delete(theirs.ref);
});
