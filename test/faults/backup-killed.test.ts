import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BackupLab, openBackupLab } from "../integration/backup-lab.ts";
import { execute } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { startHttpFaultProxy } from "./proxy/http-proxy.ts";
import { inspectVault, problemsOf, retentionLater } from "./table/inspect-vault.ts";
import { complete, killBehind, killLimit, killSomewhere, nightly, wantedKills, writesOf } from "./table/kills.ts";
import type { FaultRecord } from "./table/row.ts";

const runner = fileURLToPath(new URL("backup-runner.ts", import.meta.url));
const kills = Math.round(wantedKills * 0.8);
const name = `killed_${process.pid}`;
const client = sharedS3().client();
let lab: BackupLab;
let url: string;

beforeAll(async () => {
  const server = sharedPostgres(17);
  await execute(server.superuserUrl(), `create database ${name}`);
  url = server.superuserUrl(name);
  await execute(
    url,
    `create table grades (id int primary key, mark text);
     insert into grades select n, md5(n::text) from generate_series(1, 2000) n;
     create sequence tickets;
     select lo_from_bytea(0, 'an object');`,
  );
  // Locks only stand in the way of looking: what a killed run leaves behind is what counts.
  lab = await openBackupLab(sharedS3(), {
    policy: (policy) => ({ ...policy, tiers: { ...policy.tiers, daily: { retentionDays: 1, lock: "none" } } }),
  });
});
afterAll(async () => {
  client.destroy();
  await lab[Symbol.asyncDispose]();
  await execute(sharedPostgres(17).superuserUrl(), `drop database ${name} with (force)`);
});

/** What is wrong with the sets that became visible since `known`, which is kept up. */
async function problemsOfNewSets(known: Set<string>): Promise<string[]> {
  const problems: string[] = [];
  for (const prefix of (await inspectVault(client, lab.bucket)).visible) {
    if (!known.has(prefix)) problems.push(...(await problemsOf(client, lab, prefix)));
    known.add(prefix);
  }
  return problems;
}

test("killed behind each of its writes, no set becomes visible that is not whole, and retention removes the rest", {
  timeout: killLimit(30),
}, async ({ task }) => {
  await using store = await startHttpFaultProxy(sharedS3().endpoint);
  const env = { ...lab.env(url), AWS_ENDPOINT_URL: store.url };
  const known = new Set<string>();
  const faults: FaultRecord[] = [];
  task.meta.faults = faults;
  const writes = await writesOf(runner, env, store);
  // What was recorded is a whole backup: its last word is the manifest.
  expect([...writes.keys()]).toContainEqual(expect.stringMatching(/^PUT .*\/manifest\.json\?/));
  for (const [kind, write] of writes) {
    expect(await killBehind(write, runner, env, store), kind).toBe("killed");
    const problems = await problemsOfNewSets(known);
    faults.push(recordOfKill("SIGKILL", "backup, behind each write", problems));
    expect(problems).toEqual([]);
  }
  await expectCleanRun();
});

test.runIf(nightly)(
  `killed at ${kills} random moments, no set becomes visible that is not whole, and retention removes the rest`,
  {
    timeout: killLimit(kills),
  },
  async ({ task }) => {
    const env = lab.env(url);
    const known = new Set<string>();
    const faults: FaultRecord[] = [];
    task.meta.faults = faults;
    await complete(runner, env);
    let whole = await complete(runner, env);
    // Moments after the end prove nothing: they are not counted, and the next ones come sooner.
    for (let attempt = 1; faults.length < kills && attempt <= 4 * kills; attempt += 1) {
      const signal = attempt % 2 === 0 ? "SIGTERM" : "SIGKILL";
      const how = await killSomewhere(runner, env, signal, whole);
      const problems = await problemsOfNewSets(known);
      if (how === "ended") whole *= 0.95;
      else faults.push(recordOfKill(signal, "backup, any moment", problems));
      expect(problems).toEqual([]);
      if (attempt % 10 === 0) {
        whole = Math.max(whole, await expectCleanRun());
      }
    }
    const { visible } = await inspectVault(client, lab.bucket);
    for (const prefix of visible) expect(await problemsOf(client, lab, prefix)).toEqual([]);
    expect(faults).toHaveLength(kills);
  },
);

/** A run that nobody kills, and retention takes away what killed ones left. @returns the run's milliseconds */
async function expectCleanRun(): Promise<number> {
  const took = await complete(runner, lab.env(url));
  await retentionLater(lab);
  const { strays, unfinishedUploads } = await inspectVault(client, lab.bucket);
  expect({ strays, unfinishedUploads }).toEqual({ strays: [], unfinishedUploads: 0 });
  return took;
}

function recordOfKill(signal: string, stage: string, problems: readonly string[]): FaultRecord {
  const expected = "died, nothing half-made";
  const right = problems.length === 0;
  const seen = right ? expected : "a set is not whole";
  return {
    ...{ kind: `process ended by ${signal}`, stage, expected, seen },
    ...{ code: undefined, right, falseSuccess: false },
  };
}
