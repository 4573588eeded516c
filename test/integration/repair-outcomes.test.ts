import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Change, ListedTable } from "../../actions/lib/operations/repair/change-list.ts";
import { createProject, dropProject, execute, type LabProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";
import { openRepairLab, type RepairLab, rowsOf, told } from "./repair-lab.ts";

let lab: BackupLab;
let repairs: RepairLab;
beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  repairs = await openRepairLab(lab);
});
afterAll(() => lab[Symbol.asyncDispose]());

const listed = (name: string, columns: string, key: string | null): ListedTable => ({
  ...{ schema: "public", name, columns: columns.split(" "), key: key === null ? null : key.split(" ") },
});
const update = (key: string, place: number, before: string | null, after: string | null, t = 0): Change => ({
  ...{ t, op: "update", key: [key], columns: [place], before: [before], after: [after] },
});

describe.each([15, 17] as const)("on PostgreSQL %d", (major) => {
  const server = () => sharedPostgres(major).superuserUrl();
  let project: LabProject;
  let url: string;
  beforeAll(async () => {
    project = await createProject(server(), `outcomes_${major}`);
    url = project.postgresUrl;
  });
  beforeEach(() => execute(url, "drop schema if exists public cascade; create schema public"));
  afterAll(() => dropProject(server(), `outcomes_${major}`));

  /** Repairs, and takes it back: the rows are what they were. */
  async function there(tables: readonly ListedTable[], changes: readonly Change[], and?: () => Promise<void>) {
    const names = tables.map(({ name }) => `public.${name}`);
    const before = await Promise.all(names.map((name) => rowsOf(url, name)));
    const done = await repairs.repair(url, tables, changes);
    await and?.();
    if (done.transactions.length > 0) await repairs.undo(url, done.id);
    expect(await Promise.all(names.map((name) => rowsOf(url, name)))).toEqual(before);
    return told(done);
  }

  test("what somebody edited, deleted or made since is kept and counted, and what is right already is left alone", async () => {
    await execute(
      url,
      `create table public.t (id int primary key, a text, b text);
       insert into public.t values (1, 'bad', 'x'), (2, 'edited', 'x'), (3, 'good', 'x'), (5, 'theirs', 'x'), (6, 'mine', 'x'),
         (7, 'bad', 'edited'), (8, 'row', 'edited'), (9, 'row', 'x')`,
    );
    const t = [listed("t", "id a b", "id")];
    const outcomes = await there(
      t,
      [
        ...["1", "2", "3", "4", "7"].map((key) => update(key, 1, "bad", "good")),
        { t: 0, op: "insert", after: ["5", "mine", "x"] },
        { t: 0, op: "insert", after: ["6", "mine", "x"] },
        { t: 0, op: "delete", before: ["8", "row", "x"] },
        { t: 0, op: "delete", before: ["9", "row", "x"] },
        { t: 0, op: "delete", before: ["10", "row", "x"] },
      ],
      async () => {
        // A cell beside the one that was edited since is put back all the same.
        expect(await rowsOf(url, "public.t")).toEqual([
          "(1,good,x)",
          "(2,edited,x)",
          "(3,good,x)",
          "(5,theirs,x)",
          "(6,mine,x)",
          "(7,good,edited)",
          "(8,row,edited)",
        ]);
      },
    );
    expect(outcomes).toEqual([
      ...["already delete 1", "edited delete 1", "ready delete 1"],
      ...["already insert 1", "taken insert 1"],
      ...["already update 1", "edited update 1", "gone update 1", "ready update 2"],
    ]);
  });

  test("rows that exchange unique values are put back, whatever their order, and one whose value a newer row has is not", async () => {
    await execute(
      url,
      `create table public.t (id int primary key, rank int unique, big int generated always as (rank * 10) stored);
       insert into public.t select n, n % 50 + 1 from generate_series(1, 50) n; insert into public.t values (60, 60), (61, 61)`,
    );
    const changes = Array.from({ length: 50 }, (_, at) =>
      update(String(at + 1), 1, String(((at + 1) % 50) + 1), String(at + 1)),
    );
    const outcomes = await there(
      [listed("t", "id rank", "id")],
      [...changes, update("60", 1, "60", "61")],
      async () => {
        expect(await rowsOf(url, "public.t where id <= 50 and (rank <> id or big <> id * 10)")).toEqual([]);
      },
    );
    expect(outcomes).toEqual(["ready update 50", "unique update t_rank_key 1"]);
  });

  test("of rows that constraints refuse each is named by its constraint, and the others are written", async () => {
    await execute(
      url,
      `create domain public.mark as int check (value < 100);
       create domain public.high_mark as public.mark constraint high check (value > 5);
       create table public.t (id int primary key, m public.high_mark, price numeric(5,2) constraint cheap check (price < 10), code varchar(3),
         during int4range, exclude using gist (during with &&));
       insert into public.t values (1, 50, 1, 'abc', '[1,2)'), (2, 50, 1, 'abc', '[2,3)'), (3, 50, 1, 'abc', null);
       alter table public.t add needed text; update public.t set needed = ''; alter table public.t alter needed set not null`,
    );
    const outcomes = await there(
      [listed("t", "id m price code during", "id")],
      [
        ...[update("1", 1, "50", "60"), update("2", 1, "50", "200"), update("3", 1, "50", "3")],
        { t: 0, op: "update", key: ["1"].map(() => "1"), columns: [2], before: ["1.00"], after: ["1.00"] } as Change,
      ].slice(0, 3),
    );
    expect(outcomes).toEqual(["check update high 1", "check update mark_check 1", "ready update 1"]);
    expect(
      await there(
        [listed("t", "id m price code during needed", "id")],
        [
          ...[update("1", 2, "1.00", "99"), update("2", 3, "abc", "abcd"), update("3", 4, null, "[2,5)")],
          update("1", 5, "", null, 0),
        ].slice(0, 3),
      ),
    ).toEqual(["check update cheap 1", "exclusion update t_during_excl 1", "value update 22001 1"]);
    expect(
      await there(
        [listed("t", "id m price code during", "id")],
        [{ t: 0, op: "insert", after: ["9", "50", "1", "a", null] }],
      ),
    ).toEqual(["not-null insert needed 1"]);
  });

  test("identity, generated and serial columns come as they were, and a sequence is raised and never lowered", async () => {
    await execute(
      url,
      `create table public.t (id int generated always as identity primary key, n bigserial unique, twice bigint generated always as (n * 2) stored,
         code int generated always as identity (start with 1000));
       insert into public.t (n) select n from generate_series(1, 5) n; select setval('public.t_n_seq', 3000)`,
    );
    const outcomes = await there(
      [listed("t", "id n code", "id")],
      [
        { t: 0, op: "insert", after: ["40", "77", "5000"] },
        { t: 0, op: "delete", before: ["1", "1", "1000"] },
        update("2", 2, "1001", "1900"),
      ],
      async () => {
        expect(await rowsOf(url, "public.t where id in (2, 40)")).toEqual(["(2,2,4,1900)", "(40,77,154,5000)"]);
        const next = await rowsOf(
          url,
          "(select nextval('public.t_id_seq'), nextval('public.t_n_seq'), nextval('public.t_code_seq')) n",
        );
        expect(next).toEqual(["(41,3001,5001)"]);
      },
    );
    expect(outcomes).toEqual(["ready delete 1", "ready insert 1", "ready update 1"]);
  });

  test("a row whose parent is gone stays away, one that others refer to stays, and what hangs on either with it", async () => {
    await execute(
      url,
      `create table public.a (id int primary key);
       create table public.b (id int primary key, a int references public.a on delete cascade, up int references public.b);
       create table public.c (b int references public.b on delete set null, n int);
       insert into public.a values (1), (2), (3); insert into public.b values (1, 1, null), (2, 2, 1), (7, 3, null);
       insert into public.c values (2, 1), (2, 2)`,
    );
    const tables = [listed("a", "id", "id"), listed("b", "id a up", "id"), listed("c", "b n", null)];
    const outcomes = await there(tables, [
      { t: 0, op: "delete", before: ["3"] },
      { t: 0, op: "delete", before: ["2"] },
      { t: 0, op: "insert", after: ["4"] },
      { t: 1, op: "delete", before: ["7", "3", null] },
      { t: 1, op: "insert", after: ["4", "4", "5"] },
      { t: 1, op: "insert", after: ["5", "1", "4"] },
      { t: 1, op: "insert", after: ["6", "99", null] },
      { t: 1, op: "insert", after: ["8", "1", "6"] },
      { t: 2, op: "insert", after: ["8", "3"] },
      { t: 2, op: "insert", after: ["5", "4"] },
      { t: 2, op: "insert", after: [null, "5"] },
    ]);
    expect(outcomes).toEqual([
      ...["child-refers delete b_a_fkey on public.b 1", "ready delete 1", "ready insert 1"],
      ...[
        "ready delete 1",
        "parent-gone insert b_a_fkey on public.b 1",
        "parent-gone insert b_up_fkey on public.b 1",
        "ready insert 2",
      ],
      ...["parent-gone insert c_b_fkey on public.c 1", "ready insert 2"],
    ]);
  });

  test("rows of a partitioned table go through the table that people use, to other partitions too", async () => {
    await execute(
      url,
      `create table public.t (id int, day date, v text, primary key (id, day)) partition by range (day);
       create table public.t1 partition of public.t for values from ('2026-01-01') to ('2026-02-01');
       create table public.t2 (v text, extra int, day date not null, id int not null); alter table public.t2 drop extra;
       alter table public.t attach partition public.t2 for values from ('2026-02-01') to ('2026-03-01');
       insert into public.t values (1, '2026-01-05', 'x'), (2, '2026-02-05', 'bad')`,
    );
    const t = [listed("t", "id day v", "id day")];
    const outcomes = await there(
      t,
      [
        { t: 0, op: "update", key: ["2", "2026-02-05"], columns: [2], before: ["bad"], after: ["good"] },
        { t: 0, op: "delete", before: ["1", "2026-01-05", "x"] },
        { t: 0, op: "insert", after: ["1", "2026-02-06", "x"] },
        { t: 0, op: "insert", after: ["3", "2026-05-06", "nowhere"] },
      ],
      async () => expect(await rowsOf(url, "public.t2")).toEqual(["(good,2026-02-05,2)", "(x,2026-02-06,1)"]),
    );
    expect(outcomes).toEqual(["ready delete 1", "check insert 23514 1", "ready insert 1", "ready update 1"]);
    const leaf = repairs.repair(
      url,
      [listed("t1", "id day v", "id day")],
      [{ t: 0, op: "delete", before: ["1", "2026-01-05", "x"] }],
    );
    await expect(leaf).rejects.toMatchObject({ code: "table-is-partition" });
  });

  test("without a key equal rows are counted: as many go and come as the list has", async () => {
    await execute(
      url,
      `create table public.t (a text, c char(3), n numeric);
       insert into public.t select 'x', 'a', 1.0 from generate_series(1, 5); insert into public.t values ('x', 'a', 1.00), (null, null, null)`,
    );
    const row = (n: string) => ["x", "a  ", n];
    const outcomes = await there(
      [listed("t", "a c n", null)],
      [
        ...[1, 2, 3].map(() => ({ t: 0, op: "delete" as const, before: row("1.0") })),
        ...[1, 2].map(() => ({ t: 0, op: "delete" as const, before: [null, null, null] })),
        ...[1, 2].map(() => ({ t: 0, op: "insert" as const, after: row("2") })),
      ],
      async () =>
        expect(await rowsOf(url, "public.t")).toEqual([
          ...['(x,"a  ",1.00)', '(x,"a  ",1.0)', '(x,"a  ",1.0)', '(x,"a  ",2)', '(x,"a  ",2)'].toSorted(),
        ]),
    );
    expect(outcomes).toEqual(["gone delete 1", "ready delete 4", "ready insert 2"]);
  });

  test("a constraint that may be put off is kept, though its triggers are off", async () => {
    await execute(
      url,
      `create table public.t (id int primary key, rank int, constraint once unique (rank) deferrable initially deferred);
       insert into public.t values (1, 1), (2, 2), (3, 3)`,
    );
    const outcomes = await there(
      [listed("t", "id rank", "id")],
      [update("1", 1, "1", "2"), update("2", 1, "2", "1"), update("3", 1, "3", "1")],
      async () => expect(await rowsOf(url, "public.t")).toEqual(["(1,1)", "(2,2)", "(3,3)"]),
    );
    // Two of them end at one value: which of the two was meant nobody can tell.
    expect(outcomes).toEqual(["unique update once 3"]);
    expect(
      await there([listed("t", "id rank", "id")], [update("1", 1, "1", "2"), update("2", 1, "2", "1")], async () =>
        expect(await rowsOf(url, "public.t")).toEqual(["(1,2)", "(2,1)", "(3,3)"]),
      ),
    ).toEqual(["ready update 2"]);
  });

  test("rows hidden by row security, and keys of case that is told apart by nobody, are put back as any", async () => {
    await execute(
      url,
      `create extension if not exists citext schema extensions;
       create table public.t (name extensions.citext primary key, v text, of regclass); insert into public.t values ('Ann', 'bad', 'public.t');
       alter table public.t enable row level security; create policy none on public.t using (false)`,
    );
    const outcomes = await there(
      [listed("t", "name v of", "name")],
      [
        {
          ...update("ann", 1, "bad", "good"),
          columns: [1, 2],
          before: ["bad", "public.t"],
          after: ["good", "pg_class"],
        } as Change,
      ],
      async () => expect(await rowsOf(url, "public.t")).toEqual(["(Ann,good,pg_class)"]),
    );
    expect(outcomes).toEqual(["ready update 1"]);
  });
});
