import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { markStaging, wipeStaging } from "../../actions/lib/operations/test-restore/staging/mark-staging.ts";
import { createProject, type LabProject, withClient } from "../lab/index.ts";
import { type RunningStorage, startStorage, storageSettings } from "../lab/storage/index.ts";
import { type DrillRuns, drillsWith, openProjectDrillLab, type ProjectDrillLab } from "./drill-lab.ts";
import { stagingRef } from "./restore-test-lab.ts";

/** A drill in staging that has Storage: files come back, and nothing of them stays. */

let lab: ProjectDrillLab;
let staging: LabProject;
let storage: RunningStorage;
let folder: string;
let env: Record<string, string>;
let drills: DrillRuns;

beforeAll(async () => {
  lab = await openProjectDrillLab("drilled_files");
  lab.policy({ organization: null });
  staging = await createProject(lab.cluster.superuserUrl(), "staging_with_files");
  folder = await mkdtemp(join(tmpdir(), "lifeboat-drill-files-"));
  storage = await startStorage(staging, { folder });
  const { SUPABASE_ACCESS_TOKEN: _, SUPABASE_API_URL: __, ...rest } = lab.env;
  env = {
    ...{ ...rest, ...storageSettings(storage, "STAGING") },
    ...{ STAGING_DATABASE_URL: staging.postgresUrl, STAGING_PROJECT_REF: stagingRef },
  };
  drills = drillsWith(env, lab.log);
  const config = await loadConfig({ needs: ["target"], target: "staging", env });
  await markStaging(stagingRef, { config, log: lab.log });
});
afterAll(async () => {
  await storage?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Rows and bytes of files, and people. */
async function left() {
  const { rows } = await withClient(staging.superuserUrl, (client) =>
    client.query(
      "select (select count(*)::int from storage.objects) as objects, (select count(*)::int from storage.buckets) as buckets, (select count(*)::int from auth.users) as people",
    ),
  );
  const bytes = await readdir(folder, { recursive: true, withFileTypes: true });
  return { ...rows[0], files: bytes.filter((one) => one.isFile()).length };
}

const nothing = { objects: 0, buckets: 0, people: 0, files: 0 };

test("files come back into staging, equal, and go with all else: neither rows nor bytes stay", async () => {
  const report = await drills.report({ scenario: "complete-loss" });
  expect(report, report.failures.join("\n")).toMatchObject({ outcome: "proven" });
  expect(report.restored?.files).toMatchObject({ outcome: "equal", count: 20 });
  expect((await drills.proofs()).at(-1)?.proof.drill?.withFiles).toBe(true);
  expect(await left()).toEqual(nothing);
}, 120_000);

test("the files of a drill that was killed are removed with its rows, by whatever empties staging next", async () => {
  const dying = new AbortController();
  const before = lab.log.lines.length;
  const watching = setInterval(() => {
    if (lab.log.lines.slice(before).some((line) => line.includes("apply migrations"))) dying.abort(new Error("killed"));
  }, 5);
  await expect(drillsWith(env, lab.log, dying.signal).drill({ scenario: "complete-loss" })).rejects.toThrow();
  clearInterval(watching);
  expect((await left()).files).toBeGreaterThan(0);
  // What the workflow does at once, where there is no next one yet.
  const config = await loadConfig({ needs: ["target"], target: "staging", env });
  expect(await wipeStaging({ config, log: lab.log })).toMatchObject({ outcome: "wiped" });
  expect(await left()).toEqual(nothing);
}, 120_000);
