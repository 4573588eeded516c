import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { realClock } from "../../actions/lib/base/flow/clock.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { readInputs } from "../../actions/lib/edge/inputs.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import { loadOperations } from "../../actions/lib/operations/catalogue.ts";
import { lookInside } from "../../actions/lib/operations/recover/database-failure/look-inside.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";

const verbs = await loadOperations();
const ref = "abcdefghijklmnopqrst";

describe.each([17, 15] as const)("sentinels on PostgreSQL %i", (major) => {
  const superuserUrl = sharedPostgres(major).superuserUrl();
  let project: LabProject;
  let lab: BackupLab;

  beforeAll(async () => {
    project = await createProject(superuserUrl, `sentinels_${major}_${process.pid}`);
    lab = await openBackupLab(sharedS3());
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await dropProject(superuserUrl, project.name);
  });

  function sentinels(
    action: string,
    given: Record<string, string | boolean> = {},
    change: Record<string, string> = {},
  ) {
    const verb = verbs.find(({ name }) => name === "sentinels");
    if (verb === undefined) throw new Error("There is no such verb.");
    const env = {
      ...lab.env(project.backupUrl),
      ...{ TARGET_DATABASE_URL: project.postgresUrl, TARGET_PROJECT_REF: ref, SUPABASE_PROJECT_REF: ref },
      ...change,
    };
    const signal = new AbortController().signal;
    return runOperation(verb, readInputs(verb, "command", { action, ...given }), { env, log: silentLog, signal });
  }
  const look = (unix: number, url = project.backupUrl) =>
    lookInside(parseConnectionUrl(url), unix, { clock: realClock, signal: new AbortController().signal });
  const now = () => Math.floor(Date.now() / 1000);

  test("are absent at first, and a look from inside says so", async () => {
    expect((await sentinels("status")).result).toMatchObject({ state: "absent", job: "missing" });
    expect(await look(now())).toMatchObject({ kind: "inside", facts: { sentinels: null, inRecovery: false } });
  });

  test("are not installed in production before its ref is typed, nor by a rehearsal", async () => {
    await expect(sentinels("install")).rejects.toMatchObject({ code: "target-is-production", exitCode: 2 });
    await sentinels("install", { production: ref, "dry-run": true });
    expect((await sentinels("status")).result).toMatchObject({ state: "absent" });
  });

  // What somebody has laid there before would run as postgres.
  const table =
    "create schema lifeboat authorization postgres; create table lifeboat.sentinels (at timestamptz primary key, timeline int not null)";
  test.each([
    ["a schema of another role", "create schema lifeboat authorization service_role"],
    [
      "a schema in which another role may create",
      "create schema lifeboat authorization postgres; grant create on schema lifeboat to service_role",
    ],
    ["a table of another role", `${table}; alter table lifeboat.sentinels owner to service_role`],
    [
      "a table with a trigger",
      `${table}; alter table lifeboat.sentinels owner to postgres;
       create trigger t before insert on lifeboat.sentinels for each row execute function suppress_redundant_updates_trigger()`,
    ],
    [
      "a table with a policy",
      `${table}; alter table lifeboat.sentinels owner to postgres; create policy p on lifeboat.sentinels using (true)`,
    ],
    [
      "a view",
      "create schema lifeboat authorization postgres; create view lifeboat.sentinels as select now() as at, 1 as timeline; alter view lifeboat.sentinels owner to postgres",
    ],
    [
      "a function of another role",
      `${table}; alter table lifeboat.sentinels owner to postgres;
       create function lifeboat.write_sentinel() returns void language sql as ''; alter function lifeboat.write_sentinel() owner to service_role`,
    ],
  ])("are not installed into %s", async (_what, sql) => {
    await execute(project.superuserUrl, `${sql}; grant service_role to postgres`);
    try {
      await expect(sentinels("install", { production: ref })).rejects.toMatchObject({
        ...{ code: "sentinels-refused", exitCode: 2 },
        message: expect.stringContaining("not this role's alone"),
      });
      expect((await sentinels("status")).result).toMatchObject({ job: "missing" });
    } finally {
      await execute(project.superuserUrl, "drop schema lifeboat cascade");
    }
  });

  test("are installed by one command, twice the same, and the backup role reads them", async () => {
    for (let times = 0; times < 2; times++)
      expect((await sentinels("install", { production: ref })).result).toMatchObject({
        state: "running",
        job: "active",
      });
    expect((await sentinels("status")).result).toMatchObject({ state: "running", job: "active" });
    const jobs = await withClient(project.superuserUrl, (client) =>
      client.query("select schedule from cron.job where jobname = 'lifeboat-sentinel'"),
    );
    expect(jobs.rows).toEqual([{ schedule: "* * * * *" }]);
  });

  test("show nobody else anything, and old rows go with the run details of their job", async () => {
    await execute(
      project.superuserUrl,
      `insert into lifeboat.sentinels values (now() - interval '31 days', 1);
       insert into cron.job_run_details (jobid, username, start_time) select jobid, 'postgres', now() - interval '25 hours' from cron.job where jobname = 'lifeboat-sentinel';
       insert into cron.job_run_details (jobid, username, start_time) values (-1, 'postgres', now() - interval '25 hours');`,
    );
    await execute(project.postgresUrl, "select lifeboat.write_sentinel()");
    const { rows } = await withClient(project.superuserUrl, (client) =>
      client.query(`select (select count(*)::int from lifeboat.sentinels where at < now() - interval '30 days') as old,
                           (select count(*)::int from cron.job_run_details where start_time < now() - interval '1 day') as details,
                           has_schema_privilege('anon', 'lifeboat', 'usage') or has_table_privilege('authenticated', 'lifeboat.sentinels', 'select') as open`),
    );
    expect(rows).toEqual([{ old: 0, details: 1, open: false }]);
  });

  test("tell what is from before a moment and what is from after it", async () => {
    const moment = now() - 3600;
    await execute(
      project.superuserUrl,
      `delete from lifeboat.sentinels;
       insert into lifeboat.sentinels select to_timestamp(${moment} + n * 60 - 30), 1 from generate_series(-5, 5) n;`,
    );
    const first = await look(moment);
    // The server has run for less than an hour here: what is from before its start and after the moment was not undone.
    expect(first).toMatchObject({
      kind: "inside",
      facts: {
        timeline: 1,
        sentinels: {
          before: { at: (moment - 30) * 1000, timeline: 1 },
          newest: (moment + 270) * 1000,
        },
      },
    });
    const started = await withClient(project.superuserUrl, async (client) => {
      const { rows } = await client.query("select extract(epoch from pg_postmaster_start_time())::float8 as at");
      return rows[0].at as number;
    });
    const expected = Array.from({ length: 5 }, (_, n) => moment + n * 60 + 30).filter((at) => at < started).length;
    expect(first).toMatchObject({ facts: { sentinels: { after: { count: expected } } } });
    // Of a newer timeline: written after a recovery.
    await execute(
      project.superuserUrl,
      `update lifeboat.sentinels set timeline = 2 where at > to_timestamp(${moment})`,
    );
    expect(await look(moment)).toMatchObject({ facts: { sentinels: { after: { count: 0 } } } });
  });

  test("that somebody has slipped in hide nothing that is from after a moment, nor look like what was undone", async () => {
    const { rows } = await withClient(project.superuserUrl, (client) =>
      client.query("select floor(extract(epoch from pg_postmaster_start_time()))::int as at"),
    );
    const moment = rows[0].at - 3600;
    await execute(
      project.superuserUrl,
      `delete from lifeboat.sentinels;
       insert into lifeboat.sentinels select to_timestamp(${moment} + n * 60 - 30), 1 from generate_series(-5, 5) n;
       insert into lifeboat.sentinels values (to_timestamp(${moment} - 1), 0), ('2100-01-01', 1);`,
    );
    expect(await look(moment)).toMatchObject({
      facts: {
        sentinels: {
          before: { at: (moment - 1) * 1000, timeline: 1 },
          after: { count: 5 },
          newest: (moment + 270) * 1000,
        },
      },
    });
    // The job has stopped, and a row of the future does not hide it.
    expect((await sentinels("status")).result).toMatchObject({ state: "stopped" });
  });

  test("a database that takes no writes is told from a role that may not write", async () => {
    expect(await look(now())).toMatchObject({ facts: { readOnly: false } });
    await execute(project.superuserUrl, `alter database "${project.name}" set default_transaction_read_only = on`);
    for (const url of [project.backupUrl, project.postgresUrl])
      expect(await look(now(), url)).toMatchObject({ facts: { readOnly: true } });
    await execute(superuserUrl, `alter database "${project.name}" reset default_transaction_read_only`);
    expect(await look(now(), project.postgresUrl)).toMatchObject({ facts: { readOnly: false } });
  });

  test("a database that is not there, and one that lets nobody in, are told apart", async () => {
    const closed = Object.assign(new URL(project.backupUrl), { hostname: "127.0.0.1", port: "1" }).href;
    expect(await look(now(), closed)).toMatchObject({ kind: "silent" });
    const url = new URL(project.backupUrl);
    url.password = "wrong";
    expect(await look(now(), url.href)).toMatchObject({ kind: "refused" });
  });

  test("are removed, and somebody else's table in the schema stays", async () => {
    await execute(project.postgresUrl, "create table lifeboat.others (x int)");
    expect((await sentinels("remove", { production: ref })).lines?.[0]).toMatch(/^Removed/);
    expect((await sentinels("status")).result).toMatchObject({ state: "absent", job: "missing" });
    const { rows } = await withClient(project.superuserUrl, (client) =>
      client.query("select to_regclass('lifeboat.others') is not null as kept"),
    );
    expect(rows).toEqual([{ kept: true }]);
    await execute(project.postgresUrl, "drop table lifeboat.others");
    await sentinels("remove", { production: ref });
  });
});
