import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { readMarker, writeMarker } from "../../actions/lib/operations/test-restore/staging/marker.ts";
import { filledTables, resetStaging } from "../../actions/lib/operations/test-restore/staging/reset.ts";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";
import { readInventory } from "../../actions/lib/postgres/inventory/read.ts";
import { compareDatabases, createProject, execute, type LabProject, seedQimma, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { oddObjects } from "./odd-objects.ts";
import { restoreInto } from "./restore-lab.ts";

let lab: BackupLab;
let source: LabProject;
let cluster: RunningPostgres;
let staging: LabProject;
let untouched: LabProject;

const session = (url: string) => connect(parseConnectionUrl(url), { applicationName: "lifeboat/test" });

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  source = await createProject(sharedPostgres(17).superuserUrl(), `reset_${process.pid}`);
  await seedQimma(source.postgresUrl, { bytes: 1_000_000, seed: 5 });
  await backUp(lab, source.backupUrl);
  cluster = await startPostgres(17);
  staging = await createProject(cluster.superuserUrl(), "staging");
  untouched = await createProject(cluster.superuserUrl(), "untouched");
  const client = await session(staging.postgresUrl);
  const inventory = await readInventory(client);
  await writeMarker(client, "stagingref", { inventory, filled: await filledTables(client, inventory) });
  await client.end();
});
afterAll(async () => {
  await cluster?.stop();
  await lab?.[Symbol.asyncDispose]();
});

async function reset() {
  const client = await session(staging.postgresUrl);
  try {
    return await resetStaging(client, silentLog);
  } finally {
    await client.end();
  }
}

/** What differs from a project that nobody has ever used, the marker apart. */
async function leftovers(): Promise<string[]> {
  const differences = await compareDatabases(untouched.superuserUrl, staging.superuserUrl);
  return differences.filter((line) => !/lifeboat_staging|"?staging"?|"?untouched"?|this one/.test(line));
}

test("a restored project becomes again what it was when it was marked", async () => {
  const result = await restoreInto(lab, staging.postgresUrl, { staysStaging: true });
  expect(result.outcome).toBe("equal");
  expect((await leftovers()).length).toBeGreaterThan(50);
  expect((await reset()).left).toEqual([]);
  expect(await leftovers()).toEqual([]);
  const client = await session(staging.postgresUrl);
  expect(await readMarker(client)).toMatchObject({ projectRef: "stagingref", state: "empty" });
  await client.end();
});

test("and takes the same set again, after somebody has used it", async () => {
  await execute(
    staging.postgresUrl,
    `select vault.create_secret('of staging', 'of staging');
     select cron.schedule('of staging', '* * * * *', 'select 1');
     create extension pgmq; select pgmq.create('of_staging');
     create role somebody login; create schema theirs authorization postgres; create table theirs.t (n int);
     alter default privileges in schema public grant select on tables to somebody;
     alter role authenticator set pgrst.db_max_rows = '10'; insert into storage.buckets (id, name) values ('b', 'b')`,
  );
  await reset();
  expect(await leftovers()).toEqual([]);
  const result = await restoreInto(lab, staging.postgresUrl, { staysStaging: true });
  expect(result.outcome).toBe("equal");
  await reset();
  expect(await leftovers()).toEqual([]);
});

test("objects of every kind, with names that need quoting, go without a trace", async () => {
  for (const statement of oddObjects) await execute(staging.postgresUrl, statement);
  expect((await leftovers()).length).toBeGreaterThan(25);
  expect((await reset()).left).toEqual([]);
  expect(await leftovers()).toEqual([]);
  const described = (url: string) =>
    withClient(url, (client) => client.query("select obj_description('public'::regnamespace) as comment"));
  expect((await described(staging.superuserUrl)).rows).toEqual((await described(untouched.superuserUrl)).rows);
});
