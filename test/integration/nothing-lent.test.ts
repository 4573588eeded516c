import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { readCase } from "../lab/cases/read-case.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { restoreInto, told } from "./restore-lab.ts";

/** Checks that read rows which come later, and indexes whose functions are lent a search path. */
const kinds = ["checks-that-read", "indexes-that-call"];
/** One that is full only for as long as another is computed from it. */
const views = `
  create materialized view checks_that_read.empty as select id from checks_that_read.tree with no data;
  refresh materialized view checks_that_read.empty;
  create materialized view checks_that_read.of_it as select count(*) from checks_that_read.empty;
  refresh materialized view checks_that_read.empty with no data;`;

const superuser = () => sharedPostgres(17).superuserUrl();
const made: string[] = [];
let lab: BackupLab;
let source: LabProject;

async function another(): Promise<LabProject> {
  const name = `killed_${process.pid}_${made.length}`;
  made.push(name);
  return createProject(superuser(), name);
}

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  source = await another();
  for (const name of kinds) {
    const text = await readFile(new URL(`../cases/${name}.sql`, import.meta.url), "utf8");
    for (const { sql } of readCase(name, text).steps) await execute(source.postgresUrl, sql);
  }
  await execute(source.postgresUrl, views);
  await backUp(lab, source.backupUrl);
});
afterAll(async () => {
  for (const name of made) await dropProject(superuser(), name);
  await lab[Symbol.asyncDispose]();
});

/** Calls `each` with the number of the pass over the rows among the second attempts. */
function watching(each: (pass: number) => void): Log {
  let trying = false;
  let passes = 0;
  return {
    ...silentLog,
    group: async (title, work) => {
      trying = title === "second attempts";
      return work();
    },
    track: (name, total) => {
      if (trying) each(++passes);
      return silentLog.track(name, total);
    },
  };
}

const state = `
  select (select count(*)::int from pg_constraint k join pg_namespace n on n.oid = k.connamespace
           where k.contype = 'c' and n.nspname = 'checks_that_read') as checks,
         (select string_agg(oid::regprocedure::text || array_to_string(proconfig, ','), ' ' order by oid::regprocedure::text)
            from pg_proc where pronamespace::regnamespace::text in ('checks_that_read', 'indexes_that_call')
             and proconfig is not null) as settings,
         (select relispopulated from pg_class where oid = to_regclass('checks_that_read.empty')) as filled`;

async function stateOf(project: LabProject) {
  return withClient(project.superuserUrl, async (client) => (await client.query(state)).rows[0]);
}

test("a restore that is killed while checks are off leaves nothing off, lent or full once it is taken up", async () => {
  let last = 0;
  const whole = await another();
  const first = await restoreInto(lab, whole.postgresUrl, {
    log: watching((pass) => {
      last = pass;
    }),
  });
  expect(told(first, "failed")).toEqual([]);
  expect(last).toBeGreaterThan(1);
  const wanted = await stateOf(source);
  expect(await stateOf(whole)).toEqual(wanted);

  // The last pass is the one without the checks that refuse rows.
  const killed = await another();
  const stop = new AbortController();
  const log = watching((pass) => {
    if (pass === last) stop.abort();
  });
  await expect(restoreInto(lab, killed.postgresUrl, { log, signal: stop.signal })).rejects.toThrow();
  const half = await stateOf(killed);
  expect(half.checks).toBeLessThan(wanted.checks);
  expect(half.settings).toEqual(wanted.settings);
  expect(await restoreInto(lab, killed.postgresUrl)).toMatchObject({ outcome: "equal", begun: "resumed" });
  expect(await stateOf(killed)).toEqual(wanted);
});

test("a view that a killed restore left full for another one's sake is empty in the end", async () => {
  const target = await another();
  const stop = new AbortController();
  const log: Log = {
    ...silentLog,
    group: async (title, work) => {
      if (title === "owners and grants") {
        await execute(target.superuserUrl, "refresh materialized view checks_that_read.empty");
        stop.abort();
      }
      return work();
    },
  };
  await expect(restoreInto(lab, target.postgresUrl, { log, signal: stop.signal })).rejects.toThrow();
  expect((await stateOf(target)).filled).toBe(true);
  expect(await restoreInto(lab, target.postgresUrl)).toMatchObject({ outcome: "equal", begun: "resumed" });
  expect((await stateOf(target)).filled).toBe(false);
});
