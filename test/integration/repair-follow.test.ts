import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { repairRunner } from "../faults/accidents/tools.ts";
import { execute, urlFor } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { rowsOf } from "./repair-lab.ts";

const admin = sharedPostgres(17).superuserUrl();
const name = `repair_follow_${process.pid}`;
const url = urlFor(admin, { database: name });
let lab: BackupLab;
let run: ReturnType<typeof repairRunner>;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3(), {
    policy: (policy) => ({ ...policy, backup: { ...policy.backup, smallestShareOfLastSet: 0 } }),
  });
  await execute(admin, `create database ${name}`);
  run = repairRunner(lab, { name, url });
});
beforeEach(() => execute(url, "drop schema if exists public cascade; create schema public"));
afterAll(async () => {
  await execute(admin, `drop database ${name} with (force)`);
  await lab?.[Symbol.asyncDispose]();
});

const tables = ["p", "c", "d"];
const state = async () => Object.fromEntries(await Promise.all(tables.map(async (t) => [t, await rowsOf(url, t)])));

/** Rows of `p` go, come back with what hung on them, and go again by the undo. */
async function there(accident: string, more: Record<string, string | boolean> = {}) {
  const { set } = await backUp(lab, url);
  const right = await state();
  await execute(url, accident);
  const damaged = await state();
  expect(damaged).not.toEqual(right);
  const planned = await run({ set, table: "public.p", missing: true, follow: true, "dry-run": true, ...more });
  const { repair, hash } = planned.result as { repair: string; hash: string };
  await run({ apply: repair, "plan-hash": hash });
  const found = await state();
  await run({ undo: repair });
  expect(await state()).toEqual(damaged);
  return { right, found, planned: planned.result as { tables: { name: string; left: Record<string, number> }[] } };
}

test("children point again at rows that come back, whatever SET NULL and SET DEFAULT have put into which of their columns", async () => {
  await execute(
    url,
    `create table p (school int, id bigint, primary key (school, id));
     create table c (id int primary key, school int default 1, maker bigint default 0, keeper bigint, note text,
       foreign key (school, maker) references p on delete set default (maker), foreign key (school, keeper) references p on delete set null (keeper));
     create table d (id text primary key, school int default 1, p bigint default 0, foreign key (school, p) references p on delete set default);
     insert into p select 1, n from generate_series(0, 9) n;
     insert into c select n, 1, n % 10, (n + n / 20) % 10, 'note' from generate_series(1, 40) n;
     insert into d select n, 1, n % 10 from generate_series(1, 20) n`,
  );
  const { right, found } = await there("delete from p where id in (3, 4); update c set note = 'since' where id = 5");
  expect(found).toEqual({ ...right, c: found["c"] });
  const since = right["c"]?.map((row: string) => (row.startsWith("(5,") ? row.replace("note", "since") : row));
  expect(found["c"]).toEqual(since);
});

test("children find a key again that was changed under them", async () => {
  await execute(
    url,
    `create table p (id int primary key, code text unique);
     create table c (id int primary key, code text references p (code) on update set null);
     create table d (id int primary key, code text default 'c1' references p (code) on update set default);
     insert into p select n, 'c' || n from generate_series(1, 5) n;
     insert into c select * from p; insert into d select * from p`,
  );
  const { right, found } = await there("update p set code = 'bad ' || id where id in (3, 4)", {
    ...{ missing: false, "all-rows": true },
  });
  expect(found).toEqual(right);
});

test("children whose default nobody can tell without running it are named and left", async () => {
  await execute(
    url,
    `create function public.nobody() returns int language sql volatile as 'select 1';
     create table p (id int primary key);
     create table c (id int primary key, p int default nobody() references p on delete set default);
     create table d (id int primary key);
     insert into p select generate_series(1, 5); insert into c select n, n from generate_series(1, 5) n`,
  );
  const { right, found, planned } = await there("delete from p where id in (3, 4)");
  expect(found["p"]).toEqual(right["p"]);
  expect(found["c"]).toEqual(["(1,1)", "(2,2)", "(3,1)", "(4,1)", "(5,5)"]);
  expect(planned.tables.find((table) => table.name === "c")?.left).toEqual({ "default-unknown": 2 });
});

test("a target that takes no writes is refused before anything is made of it", async () => {
  await execute(
    url,
    "create table p (id int primary key); create table c (id int); create table d (id int); insert into p values (1)",
  );
  const { set } = await backUp(lab, url);
  await execute(url, `delete from p; alter database ${name} set default_transaction_read_only = on`);
  try {
    await expect(run({ set, table: "public.p", missing: true, "dry-run": true })).rejects.toMatchObject({
      ...{ code: "target-replica", exitCode: 2, next: expect.stringContaining("primary") },
    });
  } finally {
    await execute(admin, `alter database ${name} reset default_transaction_read_only`);
  }
});
