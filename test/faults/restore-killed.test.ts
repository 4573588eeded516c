import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PolicyInput } from "../../actions/lib/config/policy/policy.ts";
import { type BackupLab, backUp, openBackupLab } from "../integration/backup-lab.ts";
import { restoreInto } from "../integration/restore-lab.ts";
import { readFacts } from "../lab/compare/read-facts.ts";
import { compareDatabases, execute, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { complete, type Environment, killLimit, killSomewhere, nightly, wantedKills } from "./table/kills.ts";
import type { FaultRecord } from "./table/row.ts";

const runner = fileURLToPath(new URL("restore-runner.ts", import.meta.url));
/** Of each test run a few that lie evenly over a restore, of a night many at random. */
const kills = nightly ? Math.round(wantedKills * 0.2) : 4;
const moments = nightly ? "random moments" : "moments spread over it";
const source = () => server.superuserUrl("source");
let lab: BackupLab;
let server: RunningPostgres;

beforeAll(async () => {
  const policy = (given: PolicyInput) => ({ ...given, source: { ...given.source, sliceBytes: 1024 * 1024 } });
  [server, lab] = await Promise.all([startPostgres(17), openBackupLab(sharedS3(), { policy })]);
  await execute(server.superuserUrl(), "create database source");
  await execute(
    source(),
    `create table pupils (id int primary key, name text unique);
     insert into pupils select n, md5(n::text) from generate_series(1, 2000) n;
     create table scripts (id int primary key, said text);
     insert into scripts select n, repeat(E'\\\\.\\n' || md5(n::text), 30) from generate_series(1, 9000) n;
     create table marks (pupil int references pupils, mark numeric);
     insert into marks select n, n / 7.0 from generate_series(1, 2000) n;
     create index marks_mark on marks (mark);
     create sequence tickets;
     select lo_from_bytea(0, 'an object');`,
  );
  const { artifacts } = await backUp(lab, source());
  expect(artifacts.filter(({ name }) => name.includes("public.scripts.")).length).toBeGreaterThan(1);
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await server.stop();
});

async function newTarget(name: string): Promise<Environment> {
  await execute(server.superuserUrl(), `create database ${name} template template0`);
  const url = server.superuserUrl(name);
  return {
    ...lab.env(source()),
    RESTORE_PRIVATE_KEY: lab.operations.key.armor(),
    TARGET_DATABASE_URL: url,
  };
}

test(`killed at ${kills} ${moments}, a restore is taken up by the next one, which proves the target`, {
  timeout: killLimit(kills),
}, async ({ task }) => {
  const faults: FaultRecord[] = [];
  task.meta.faults = faults;
  const wanted = await readFacts(source());
  let whole = await complete(runner, await newTarget("unharmed"));
  for (let attempt = 1; faults.length < kills && attempt <= 4 * kills; attempt += 1) {
    const name = `killed_${attempt}`;
    const env = await newTarget(name);
    const signal = attempt % 2 === 0 ? "SIGTERM" : "SIGKILL";
    const share = nightly ? Math.random() : (faults.length + 0.5) / kills;
    const struck = await killSomewhere(runner, env, signal, whole, share);
    const how = struck === "killed" && (await isDone(server.superuserUrl(name))) ? "ended" : struck;
    if (how === "ended") whole *= 0.95;
    else expect((await restoreInto(lab, server.superuserUrl(name))).outcome).toBe("equal");
    const differences = await compareDatabases(wanted, server.superuserUrl(name));
    if (how === "killed") faults.push(recordOfKill(signal, differences.length === 0));
    expect(differences).toEqual([]);
    await execute(server.superuserUrl(), `drop database ${name} with (force)`);
  }
  expect(faults).toHaveLength(kills);
});

/** Killed when it had proven the target and taken its notes away, but not yet said so: the target is like any full one. */
async function isDone(url: string): Promise<boolean> {
  return withClient(url, async (client) => {
    const answer = await client.query(
      "select to_regclass('public.marks') is not null and to_regnamespace('lifeboat_restore') is null as done",
    );
    return answer.rows[0]?.done === true;
  });
}

function recordOfKill(signal: string, right: boolean): FaultRecord {
  const expected = "fails, then resumes and proves";
  return {
    ...{ kind: `process ended by ${signal}`, stage: "restore, any moment", expected },
    ...{ seen: right ? expected : "false success", code: undefined, right, falseSuccess: !right },
  };
}
