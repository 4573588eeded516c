import { readFile } from "node:fs/promises";
import { afterAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import type { PolicyInput } from "../../actions/lib/config/policy/policy.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";
import { plannedWithOthersCode } from "../../actions/lib/postgres/rows/others-code.ts";
import { createProject, dropProject, execute } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { backUp, openBackupLab } from "./backup-lab.ts";

const low = `planner_${process.pid}`;
const closing = new AsyncDisposableStack();
afterAll(() => closing.disposeAsync());

/** What runs `told` says in the server's log as whom: rolled back or not, and whatever it is told to be. */
const sql = `
  create role ${low};
  create schema low authorization ${low};
  create function public.of_postgres(a text) returns text language plpgsql immutable as $$ begin return a; end $$;
  alter function public.of_postgres(text) owner to postgres;
  set role ${low};
  create function low.told(a text) returns text language plpgsql immutable as $$ begin raise log '${low} ran as %', current_user; return a; end $$;
  create function low.silent() returns text language plpgsql immutable as $$ begin raise log '${low} ran as %', current_user; return 'x'; end $$;
  create function low.hidden(a text) returns text language sql immutable as $$ select low.told('x') || a $$;
  create function low.same(a text, b text) returns boolean language plpgsql immutable as $$ begin raise log '${low} ran as %', current_user; return a = b; end $$;
  create operator low.=== (leftarg = text, rightarg = text, function = low.same);
  create table low.constant as select n as id, repeat('x', 200) as note from generate_series(1, 60000) n;
  create index on low.constant ((low.told('x') || note));
  create table low.nothing as select 1 as id, 'x' as note;
  create index on low.nothing (id) where low.silent() = note;
  create table low.looked_into as select 1 as id, 'x' as note;
  create index on low.looked_into (low.hidden(note));
  create table low.operator as select 1 as id, 'x' as note, 'y'::text as other;
  create index on low.operator (id) where 'x' operator(low.===) 'y' or note = 'x';
  create table low.statistics (id int, note text, more text generated always as (upper(note)) stored);
  insert into low.statistics select 1, 'x';
  create statistics low.told_statistics on (low.told('x') || note), id from low.statistics;
  create materialized view low.view as select 1 as id, 'x'::text as note;
  create index on low.view ((low.told('x') || note));
  create table low.by_row as select 1 as id, 'x' as note;
  create index on low.by_row (low.told(note));
  create table low.own as select 1 as id, 'x' as note;
  create index on low.own (upper('x' || note)) where note <> 'y';
  reset role;
  create table public.trusted as select 1 as id, 'x' as note;
  alter table public.trusted owner to postgres;
  create index on public.trusted ((public.of_postgres('x') || note))`;

test.each([15, 17] as const)(
  "PostgreSQL %i: no code of somebody who may less runs as the backup role while a query is planned",
  async (major) => {
    const server = sharedPostgres(major);
    const project = await createProject(server.superuserUrl(), `planned_${process.pid}`);
    closing.defer(async () => {
      await dropProject(server.superuserUrl(), project.name);
      await execute(server.superuserUrl(), `drop role ${low}`);
    });
    await execute(project.superuserUrl, sql);
    const ranAsBackup = async () => (await readFile(server.logFile, "utf8")).includes(`${low} ran as lifeboat_backup`);

    const client = await connect(parseConnectionUrl(project.backupUrl), { applicationName: "lifeboat/planned" });
    closing.defer(() => client.end());
    const names = ["constant", "looked_into", "nothing", "operator", "statistics", "view"];
    expect([...(await plannedWithOthersCode(client))].sort()).toEqual(names.map((name) => `low.${name}`));

    const policy = (all: PolicyInput) => ({ ...all, source: { ...all.source, sliceBytes: 100_000 } });
    const lab = closing.use(await openBackupLab(sharedS3(), { policy }));
    const { set } = await backUp(lab, project.backupUrl, { tier: "weekly" });
    const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
    const verified = await verifySet(lab.vault, set, options, silentLog);
    expect(verified).toMatchObject({ outcome: "whole", findings: [] });
    expect(await ranAsBackup()).toBe(false);

    // What is kept from running does run, when asked.
    for (const name of names) await client.query(`select count(*) from only low.${name}`);
    expect(await ranAsBackup()).toBe(true);
  },
);
