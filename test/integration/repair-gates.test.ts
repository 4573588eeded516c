import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Change, ListedTable } from "../../actions/lib/operations/repair/change-list.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { readRepairs, repairFiles, repairPrefix } from "../../actions/lib/vault/repairs/records.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";
import { openRepairLab, type RepairLab, rowsOf, told } from "./repair-lab.ts";

let lab: BackupLab;
let repairs: RepairLab;
let project: LabProject;
let url: string;
const server = () => sharedPostgres(17).superuserUrl();
beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  repairs = await openRepairLab(lab);
  project = await createProject(server(), "repair_gates");
  url = project.postgresUrl;
});
afterAll(async () => {
  await dropProject(server(), "repair_gates");
  await lab[Symbol.asyncDispose]();
});
const damaged = Array.from({ length: 10 }, (_, at) => `(${at + 1},bad)`).toSorted();
beforeEach(() =>
  execute(
    url,
    `drop schema if exists public cascade; create schema public;
     create table public.t (id int primary key, v text); insert into public.t select n, 'bad' from generate_series(1, 10) n`,
  ),
);

const t: ListedTable = { schema: "public", name: "t", columns: ["id", "v"], key: ["id"] };
const change = (key: string): Change => ({
  t: 0,
  op: "update",
  key: [key],
  columns: [1],
  before: ["bad"],
  after: ["good"],
});
const changes = Array.from({ length: 10 }, (_, at) => change(String(at + 1)));
const rows = () => rowsOf(url, "public.t");

describe("nothing is changed", () => {
  test.each([
    [
      "another number of rows was expected",
      "rows-unexpected",
      "",
      { rules: { lockSeconds: 2, wholeOnly: false, expectRows: 11 } },
    ],
    ["another plan was signed off", "plan-other", "", { planHash: "0123456789abcdef" }],
    ["too little of its hash is given", "plan-other", "", { planHash: "0" }],
    ["a trigger fires in every session", "trigger-always", "alter table public.t enable always trigger g", {}],
    ["a trigger fires in replicas", "trigger-always", "alter table public.t enable replica trigger g", {}],
    [
      "a rule stands in every session",
      "trigger-always",
      "create rule r as on update to public.t do instead nothing; alter table public.t enable always rule r",
      {},
    ],
    ["the table is gone", "table-missing", "drop table public.t", {}],
    ["a column is gone", "table-altered", "alter table public.t drop v", {}],
    ["its key is unique no more", "table-altered", "alter table public.t drop constraint t_pkey", {}],
    [
      "it has become a view",
      "table-unfit",
      "alter table public.t rename to o; create view public.t as select * from public.o",
      {},
    ],
    [
      "all or none was asked for, and one row was edited",
      "rows-refused",
      "alter table public.t disable trigger g; update public.t set v = 'mine' where id = 3",
      { rules: { lockSeconds: 2, wholeOnly: true } },
    ],
  ])("when %s", async (_, code, sql, more) => {
    await execute(
      url,
      `create function public.f() returns trigger language plpgsql as 'begin return null; end'; create trigger g before update on public.t for each row execute function public.f(); ${sql}`,
    );
    const before = await rows().catch(() => "gone");
    await expect(repairs.repair(url, [t], changes, more)).rejects.toMatchObject({ code });
    expect(await rows().catch(() => "gone")).toEqual(before);
  });

  test("by a role that may not switch triggers off, that row security hides rows from, or that may not write", async () => {
    await execute(
      project.superuserUrl,
      `do $$ begin create role gate_repairer login password 'lab'; exception when duplicate_object then null; end $$;
       grant usage on schema public to gate_repairer; grant all on public.t to gate_repairer`,
    );
    const other = new URL(url);
    other.username = "gate_repairer";
    const id = await repairs.plan([t], changes);
    const refused = async (code: string, sql = "") => {
      if (sql !== "") await execute(project.superuserUrl, sql);
      await expect(repairs.apply(other.href, id)).rejects.toMatchObject({ code });
      expect(await rows()).toEqual(damaged);
    };
    await refused("target-role-replica");
    await refused(
      "row-security",
      "alter table public.t enable row level security; grant set on parameter session_replication_role to gate_repairer",
    );
    await refused(
      "target-denied",
      "alter table public.t disable row level security; revoke update on public.t from gate_repairer",
    );
    await refused(
      "target-read-only",
      "grant update on public.t to gate_repairer; alter role gate_repairer in database repair_gates set default_transaction_read_only = on",
    );
    await execute(
      project.superuserUrl,
      "alter role gate_repairer in database repair_gates reset default_transaction_read_only",
    );
    expect(told(await repairs.apply(other.href, id))).toEqual(["ready update 10"]);
    await execute(
      project.superuserUrl,
      "drop owned by gate_repairer; revoke set on parameter session_replication_role from gate_repairer; drop role gate_repairer",
    );
  });

  test("while somebody else locks a row for longer than may be waited, or another repair is under way", async () => {
    await withClient(url, async (app) => {
      await app.query("begin; select from public.t where id = 5 for update");
      await expect(
        repairs.repair(url, [t], changes, { rules: { lockSeconds: 0.2, wholeOnly: false } }),
      ).rejects.toMatchObject({
        code: "repair-failed",
        message: expect.stringContaining("55P03"),
      });
      const waiting = repairs.repair(url, [t], changes, { rules: { lockSeconds: 5, wholeOnly: false } });
      await locked(app);
      await expect(repairs.repair(url, [t], changes)).rejects.toMatchObject({ code: "repair-busy" });
      await app.query("commit");
      expect(told(await waiting)).toEqual(["ready update 10"]);
    });
  });

  test("by a plan that none of people's keys has signed, or that lies where it was not signed for", async () => {
    const id = await repairs.plan([t], changes);
    const { vault } = repairs.store;
    const from = repairPrefix(id);
    const copyTo = async (to: string, sign?: (bytes: Uint8Array) => Promise<string>) => {
      for await (const { key } of vault.list(from)) {
        const { body } = await vault.get(key);
        const text =
          key.endsWith(repairFiles.planRecord) && sign
            ? Buffer.from(Buffer.from(body).toString().replaceAll(id, to))
            : body;
        await vault.put(key.replace(id, to), text);
        if (key.endsWith(repairFiles.planRecord) && sign)
          await vault.put(`${key.replace(id, to)}.sig`, Buffer.from(await sign(text)));
      }
    };
    await copyTo("20261122T221500Z-1a2b3c4d");
    await copyTo("20261122T221500Z-1a2b3c4e", (bytes) => signDetached(bytes, lab.prover));
    for (const forged of ["20261122T221500Z-1a2b3c4d", "20261122T221500Z-1a2b3c4e", "20261122T221500Z-00000000"])
      await expect(repairs.apply(url, forged)).rejects.toMatchObject({ code: "plan-unknown" });
    // A list of other bytes under a record that is signed.
    const other = await repairs.plan([t], changes.slice(1));
    const body = (await vault.get(repairPrefix(other) + repairFiles.plan)).body;
    await vault.put(from + repairFiles.plan, body);
    await expect(repairs.apply(url, id)).rejects.toMatchObject({ code: "artifact-damaged" });
    expect(await rows()).toEqual(damaged);
    const found = await readRepairs(vault, repairs.verify);
    expect(found.refused.map(({ key }) => key)).toEqual([
      "repairs/20261122T221500Z-1a2b3c4d/plan.json",
      "repairs/20261122T221500Z-1a2b3c4e/plan.json",
    ]);
    expect(found.meddled).toContain(from + repairFiles.plan);
  });
});

async function locked(app: { query(sql: string): Promise<{ rows: { waiting?: boolean }[] }> }): Promise<void> {
  for (;;) {
    const { rows } = await app.query("select exists (select from pg_locks where not granted) as waiting");
    if (rows[0]?.waiting) return;
    await sleep(50);
  }
}

test("what somebody hid or wrote again of a repair is read as it was written, and undo works", async () => {
  const { id } = await repairs.repair(url, [t], changes);
  const { vault } = repairs.store;
  for await (const { key } of vault.list(repairPrefix(id)))
    if (/\.json(\.sig)?$|keys\.pgp$/.test(key)) await vault.put(key, Buffer.from("{}"));
  await repairs.undo(url, id);
  expect(await rows()).toEqual(damaged);
});

test("a repair costs no more requests for those of other days, and one of them can be taken back", async () => {
  const { vault } = repairs.store;
  let requests = 0;
  const get: typeof vault.get = (...asked) => {
    requests++;
    return vault.get(...asked);
  };
  const cost = async (): Promise<number> => {
    await execute(url, "update public.t set v = 'bad'");
    const id = await repairs.plan([t], changes);
    requests = 0;
    await repairs.apply(url, id, { store: { ...repairs.store, vault: { ...vault, get } } });
    return requests;
  };
  const before = await cost();
  const days = ["01", "02", "03"].map((day) => `202601${day}T000000Z-00000000`);
  for (const day of days) {
    await execute(url, "update public.t set v = 'bad'");
    await repairs.apply(url, await repairs.plan([t], changes, day));
  }
  // Of the repair that was measured first its plan alone, and the signature: it is of the same day.
  expect((await cost()) - before).toBe(2);
  const [, second = ""] = days;
  await repairs.undo(url, second);
  expect(await rows()).toEqual(damaged);
  await expect(repairs.undo(url, second)).rejects.toMatchObject({ code: "plan-undone" });
});

test("a repair is taken back once, and applied once; what was edited since stays", async () => {
  const done = await repairs.repair(url, [t], changes);
  await expect(repairs.apply(url, done.id)).rejects.toMatchObject({ code: "plan-applied" });
  await execute(url, "update public.t set v = 'mine' where id = 4; delete from public.t where id = 5");
  const back = await repairs.undo(url, done.id);
  expect(told(back)).toEqual(["edited update 1", "gone update 1", "ready update 8"]);
  await expect(repairs.undo(url, done.id)).rejects.toMatchObject({ code: "plan-undone" });
  const again = await repairs.undo(url, back.id);
  expect(told(again)).toEqual(["ready update 8"]);
  await expect(repairs.undo(url, done.id)).rejects.toMatchObject({
    code: "plan-undone",
    next: expect.stringContaining(again.id),
  });
  const never = await repairs.plan([t], changes);
  await expect(repairs.undo(url, never)).rejects.toMatchObject({ code: "nothing-to-undo" });
});

test("in batches each is a transaction of its own, taken back together", async () => {
  const done = await repairs.repair(url, [t], [...changes, { t: 0, op: "insert", after: ["11", "new"] }], {
    batchRows: 4,
  });
  expect(done.transactions).toHaveLength(3);
  expect(told(done)).toEqual(["ready update 4", "ready update 4", "ready insert 1", "ready update 2"]);
  await repairs.undo(url, done.id);
  expect(await rows()).toEqual(damaged);
});

test("a deadlock with the application is begun again, and nothing is lost", async () => {
  await withClient(url, async (app) => {
    await app
      .query("set deadlock_timeout = '10s'; begin; update public.t set v = 'mine' where id = 9")
      .catch(() => app.query("begin; update public.t set v = 'mine' where id = 9"));
    const repairing = repairs.repair(url, [t], changes, { rules: { lockSeconds: 10, wholeOnly: false } });
    await locked(app);
    await app.query("update public.t set v = 'mine' where id = 1").catch(() => app.query("rollback"));
    await app.query("commit").catch(() => undefined);
    const done = await repairing;
    expect(done.outcomes.reduce((sum, { rows: of }) => sum + of, 0)).toBe(10);
    expect((await rows()).filter((row) => row.includes("bad"))).toEqual([]);
  });
});

test("a policy may let a trigger fire that nothing keeps off", async () => {
  await execute(
    url,
    `create function public.f() returns trigger language plpgsql as 'begin return new; end';
     create trigger g before update on public.t for each row execute function public.f(); alter table public.t enable always trigger g`,
  );
  expect(told(await repairs.repair(url, [t], changes, { mayFire: ["public.t trigger g"] }))).toEqual([
    "ready update 10",
  ]);
});

test("a trigger that is let fire and writes beside the repair ends it: nothing is kept", async () => {
  await execute(
    url,
    `create table public.u (n int); insert into public.u values (1);
     create function public.f() returns trigger language plpgsql as
       $$ begin if new.id = 3 then update public.t set v = 'beside' where id = 10; end if; return new; end $$;
     create trigger g after update on public.t for each row execute function public.f(); alter table public.t enable always trigger g`,
  );
  const some = changes.slice(0, 5);
  await expect(repairs.repair(url, [t], some, { mayFire: ["public.t trigger g"] })).rejects.toMatchObject({
    code: "proof-failed",
  });
  expect(await rows()).toEqual(damaged);
});
