import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { execute } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";

const name = `edges_${process.pid}`;
const admin = (): string => sharedPostgres(17).superuserUrl();
let lab: BackupLab;
let url: string;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  await execute(admin(), `create database ${name}`);
  url = sharedPostgres(17).superuserUrl(name);
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await execute(admin(), `drop database ${name} with (force)`);
});

async function whole({ set, tier }: BackupResult): Promise<void> {
  const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
  expect((await verifySet(lab.vault, { set, tier }, options, silentLog)).findings).toEqual([]);
}

test("an empty database makes a valid set that says so", async () => {
  const result = await backUp(lab, url);
  expect(result.counts).toMatchObject({ tables: 0, rows: "0", sequences: 0, largeObjects: 0 });
  await whole(result);
});

test("tables without rows, without columns and of every kind of relation make a valid set", async () => {
  await execute(
    url,
    `create table nothing (); create table empty (id int primary key);
     create unlogged table passing (id int); insert into passing values (1);
     create schema "Odd ""schema"" *"; create table "Odd ""schema"" *"."ta.ble $1" (id serial, "col""umn" text);
     create table parts (id int, day date) partition by range (day);
     create table parts_1 partition of parts for values from ('2026-01-01') to ('2027-01-01');
     create table base (id int); create table child (more int) inherits (base);
     create materialized view unpopulated as select 1 as n with no data;
     create foreign data wrapper nowhere; create server away foreign data wrapper nowhere; create foreign table far (id int) server away;`,
  );
  const result = await backUp(lab, url);
  expect(result.counts).toMatchObject({ tables: 7, rows: "1", sequences: 1 });
  await whole(result);
});

test("a database that lost most of its rows fails the run, unless somebody says that it was meant", async () => {
  await execute(url, "insert into base select generate_series(1, 5000)");
  await whole(await backUp(lab, url, { tier: "weekly" }));
  await execute(url, "delete from base where id > 10");
  const error = await backUp(lab, url).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "shrunk", exitCode: 1 });
  const accepted = await backUp(lab, url, { acceptShrinkage: true });
  expect(accepted.warnings.join()).toContain("rows from 5001 to 11");
  await whole(accepted);
});
