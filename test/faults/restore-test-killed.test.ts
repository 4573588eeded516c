import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BackupLab, backUp, openBackupLab } from "../integration/backup-lab.ts";
import { openRestoreTestLab, type RestoreTestLab } from "../integration/restore-test-lab.ts";
import { compareDatabases, createProject, type LabProject, seedQimma } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { complete, killInStage, killLimit, killSomewhere, nightly, wantedKills } from "./table/kills.ts";
import type { FaultRecord } from "./table/row.ts";

const runner = fileURLToPath(new URL("restore-test-runner.ts", import.meta.url));
const kills = Math.max(3, Math.round(wantedKills * 0.06));
let lab: BackupLab;
let cluster: RunningPostgres;
let staging: LabProject;
let untouched: LabProject;
let tests: RestoreTestLab;

beforeAll(async () => {
  [cluster, lab] = await Promise.all([startPostgres(17), openBackupLab(sharedS3())]);
  const source = await createProject(sharedPostgres(17).superuserUrl(), `killed_test_${process.pid}`);
  await seedQimma(source.postgresUrl, { bytes: 300_000, seed: 14 });
  await backUp(lab, source.backupUrl);
  staging = await createProject(cluster.superuserUrl(), "staging");
  untouched = await createProject(cluster.superuserUrl(), "untouched");
  tests = openRestoreTestLab(lab, staging.postgresUrl);
  await tests.mark();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

async function leftovers(): Promise<string[]> {
  const differences = await compareDatabases(untouched.superuserUrl, staging.superuserUrl);
  return differences.filter((line) => !/lifeboat_staging|"?staging"?|"?untouched"?|this one/.test(line));
}

test.for([
  ["data", "SIGTERM"],
  ["planted defect", "SIGKILL"],
] as const)(
  "ended in stage '%s' by %s, a restore test is followed by one that proves the set and leaves staging empty",
  {
    timeout: killLimit(1),
  },
  async ([stage, signal], { task }) => {
    expect(await killInStage(stage, runner, tests.env, signal)).toBe("killed");
    const faults: FaultRecord[] = [];
    task.meta.faults = faults;
    await expectProven(faults, `restore test, ${stage}`, signal);
  },
);

test.runIf(nightly)(
  `killed at ${kills} random moments, a restore test is followed by one that proves the set and leaves staging empty`,
  {
    timeout: killLimit(kills),
  },
  async ({ task }) => {
    const faults: FaultRecord[] = [];
    task.meta.faults = faults;
    const env = { ...tests.env };
    let whole = await complete(runner, env);
    for (let attempt = 1; faults.length < kills && attempt <= 4 * kills; attempt += 1) {
      const signal = attempt % 3 === 0 ? "SIGTERM" : "SIGKILL";
      const how = await killSomewhere(runner, env, signal, whole);
      if (how === "ended") {
        whole *= 0.95;
        continue;
      }
      await expectProven(faults, "restore test, any moment", signal);
    }
    expect(faults).toHaveLength(kills);
  },
);

/** The next run proves the set and leaves nothing. */
async function expectProven(faults: FaultRecord[], stage: string, signal: NodeJS.Signals): Promise<void> {
  await complete(runner, tests.env);
  const left = await leftovers();
  const expected = "fails, and the next proves and empties";
  faults.push({
    ...{ kind: `process ended by ${signal}`, stage, expected },
    seen: left.length === 0 ? expected : "data stayed in staging",
    ...{ code: undefined, right: left.length === 0, falseSuccess: left.length > 0 },
  });
  expect(left).toEqual([]);
}
