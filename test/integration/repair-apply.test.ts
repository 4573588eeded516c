import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ListedTable } from "../../actions/lib/operations/repair/change-list.ts";
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

const exams: ListedTable = { schema: "public", name: "exams", columns: ["id", "title", "price"], key: ["id"] };

describe.each([15, 17] as const)("a repair on PostgreSQL %d", (major) => {
  const server = () => sharedPostgres(major).superuserUrl();
  let project: LabProject;
  let places: { readonly url: string; readonly owner: string }[];
  beforeAll(async () => {
    project = await createProject(server(), `repair_${major}`);
    await execute(server(), `create database repair_plain_${major}`);
    places = [
      { url: project.postgresUrl, owner: "postgres of a project" },
      { url: sharedPostgres(major).superuserUrl(`repair_plain_${major}`), owner: "a superuser" },
    ];
  });
  afterAll(async () => {
    await dropProject(server(), `repair_${major}`);
    await dropProject(server(), `repair_plain_${major}`);
  });

  test("says what to do when the disk fills while the list is loaded, and has changed nothing", async () => {
    const { url } = places[0] ?? { url: "" };
    await execute(
      url,
      `drop table if exists public.full;
       create or replace function public.no_room(t text) returns boolean language plpgsql as
         $$ begin if t = 'more' then raise sqlstate '53100' using message = 'could not extend file'; end if; return true; end $$;
       create domain public.roomy as text check (public.no_room(value));
       create table public.full (id int primary key, note public.roomy);
       insert into public.full values (1, 'a');`,
    );
    const full: ListedTable = { schema: "public", name: "full", columns: ["id", "note"], key: ["id"] };
    const before = await rowsOf(url, "public.full");
    await expect(
      repairs.repair(url, [full], [{ t: 0, op: "update", key: ["1"], columns: [1], before: ["a"], after: ["more"] }]),
    ).rejects.toMatchObject({
      ...{ code: "repair-failed", message: expect.stringContaining("53100") },
      next: expect.stringContaining("Enlarge the target's disk"),
    });
    expect(await rowsOf(url, "public.full")).toEqual(before);
    await execute(url, "drop table public.full; drop domain public.roomy; drop function public.no_room(text)");
  });

  test("writes what the list says, fires no trigger, and is taken back and brought again to the same rows", async () => {
    for (const { url } of places) {
      await execute(
        url,
        `drop table if exists public.exams, public.calls;
         create table public.exams (id int primary key, title text not null, price numeric);
         insert into public.exams select n, 'exam ' || n, n from generate_series(1, 100) n;
         create table public.calls (what text);
         create or replace function public.call_out() returns trigger language plpgsql as
           $$ begin insert into public.calls values (tg_op); return coalesce(new, old); end $$;
         create trigger calls before insert or update or delete on public.exams for each row execute function public.call_out();`,
      );
      const before = await rowsOf(url, "public.exams");
      const done = await repairs.repair(
        url,
        [exams],
        [
          { t: 0, op: "delete", before: ["1", "exam 1", "1"] },
          { t: 0, op: "update", key: ["2"], columns: [1, 2], before: ["exam 2", "2"], after: ["a\\tb", null] },
          { t: 0, op: "insert", after: ["101", "\\\\x\\n", "1.00"] },
        ],
      );
      expect(told(done)).toEqual(["ready delete 1", "ready insert 1", "ready update 1"]);
      expect(done.proofs).toEqual([{ table: "public.exams", written: "2", untouched: "98" }]);
      const after = await rowsOf(url, "public.exams");
      expect(after).not.toEqual(before);
      expect(after).toContain('(2,"a\tb",)');
      const back = await repairs.undo(url, done.id);
      expect(await rowsOf(url, "public.exams")).toEqual(before);
      await repairs.undo(url, back.id);
      expect(await rowsOf(url, "public.exams")).toEqual(after);
      expect(await rowsOf(url, "public.calls")).toEqual([]);
    }
  });
});
