import { describe, expect, test } from "vitest";
import { BuildQueue } from "../../actions/lib/operations/restore/load/load-and-build.ts";
import { type Build, planBuilds } from "../../actions/lib/operations/restore/plan/plan-builds.ts";
import type { TocEntry } from "../../actions/lib/postgres/dump/archive/toc.ts";

const large = 100 * 1024 * 1024;
let lastId = 0;

function entry(desc: string, tag: string, dependencies: readonly TocEntry[] = [], defn = `${desc} ${tag};`): TocEntry {
  const dumpId = ++lastId;
  return {
    ...{ dumpId, tableOid: "1259", oid: String(1000 + dumpId), tag, desc, section: "post-data", defn, dropStmt: "" },
    ...{ copyStmt: "", namespace: "public", tablespace: null, owner: "postgres", tableam: null },
    ...{ dependencies: dependencies.map((one) => one.dumpId), hasData: false },
  };
}

const users = entry("TABLE", "users");
const marks = entry("TABLE", "marks");
const measurements = entry("TABLE", "measurements"); // partitioned: no rows of its own
const judge = entry("FUNCTION", "judge()");
const usersKey = entry("CONSTRAINT", "users users_pkey", [users]);
const marksKey = entry("CONSTRAINT", "marks marks_pkey", [marks]);
const byMark = entry(
  "INDEX",
  "marks_by_mark",
  [marks],
  "CREATE INDEX marks_by_mark ON public.marks USING btree (mark);",
);
const byJudge = entry(
  "INDEX",
  "marks_by_judge",
  [marks, judge],
  "CREATE INDEX marks_by_judge ON public.marks (judge());",
);
const byUser = entry(
  "INDEX",
  "marks_by_user",
  [marks],
  "CREATE INDEX marks_by_user ON public.marks (user_id);\n\nALTER TABLE public.marks CLUSTER ON marks_by_user;",
);
const measurementsKey = entry("CONSTRAINT", "measurements measurements_pkey", [measurements]);
const marksUser = entry("FK CONSTRAINT", "marks marks_user_fkey", [marks, users, usersKey]);
const measuredUser = entry("FK CONSTRAINT", "measurements measurements_user_fkey", [measurements, users, usersKey]);
const entries = [
  ...[users, marks, measurements, judge, usersKey, marksKey, byMark, byJudge, byUser],
  ...[measurementsKey, marksUser, measuredUser],
];

function plan(
  bytes: { readonly users: number; readonly marks: number },
  foreignKeys: TocEntry[] = [],
): readonly Build[] {
  return planBuilds([usersKey, marksKey, byMark, byJudge, byUser, measurementsKey], foreignKeys, {
    entries: new Map(entries.map((one) => [one.dumpId, one])),
    step: (one) => ({ entry: one, object: undefined }),
    bytes: new Map([
      [users.oid, bytes.users],
      [marks.oid, bytes.marks],
    ]),
  });
}

const tags = (build: Build | undefined) => build?.steps.map((step) => step.entry.tag);

describe("what is built in one go", () => {
  test("is a small table's all, the larger table's first", () => {
    expect(plan({ users: 10, marks: 20 }).map(tags)).toEqual([
      ["marks marks_pkey", "marks_by_mark", "marks_by_user"],
      ["users users_pkey"],
      ["measurements measurements_pkey"],
      ["marks_by_judge"],
    ]);
  });

  test("of a large table is each index by itself, unless a statement that locks the table follows it", () => {
    const builds = plan({ users: 10, marks: large });
    expect(builds.map(tags)).toEqual([
      ["marks marks_pkey", "marks_by_user"],
      ["marks_by_mark"],
      ["users users_pkey"],
      ["measurements measurements_pkey"],
      ["marks_by_judge"],
    ]);
    expect(builds.map(({ shared }) => shared)).toEqual([false, true, false, false, true]);
  });

  test("begins early when it reads nothing but its own table's rows", () => {
    expect(plan({ users: 10, marks: large }).map((build) => [tags(build)?.at(0), build.early])).toEqual([
      ["marks marks_pkey", true],
      ["marks_by_mark", true],
      ["users users_pkey", true],
      ["measurements measurements_pkey", false],
      ["marks_by_judge", false], // a function may read any table
    ]);
  });

  test("of foreign keys waits for the keys and indexes of both tables, and for all rows where one is partitioned", () => {
    const builds = plan({ users: 10, marks: 20 }, [marksUser, measuredUser]);
    const [ofMarks, ofUsers, ofMeasurements, marksToUsers, measuredToUsers] = builds;
    expect(marksToUsers).toMatchObject({ early: true, shared: false, tables: ["public.marks", "public.users"] });
    expect(marksToUsers?.needs).toEqual([ofMarks, ofUsers]);
    expect(measuredToUsers).toMatchObject({ early: false });
    expect(measuredToUsers?.needs).toEqual([ofUsers, ofMeasurements]);
  });

  test("of a foreign key that does not tell what it refers to waits for everything", () => {
    const untold = entry("FK CONSTRAINT", "marks marks_untold_fkey", [marks]);
    entries.push(untold);
    const builds = plan({ users: 10, marks: 20 }, [untold]);
    expect(builds.at(-2)).toMatchObject({ early: false, needs: builds.slice(0, -2) });
  });

  test("that calls functions waits for all foreign keys: whoever checks them would run what is in it", () => {
    const builds = plan({ users: 10, marks: 20 }, [marksUser, measuredUser]);
    expect([tags(builds.at(-1)), builds.at(-1)?.needs]).toEqual([["marks_by_judge"], builds.slice(3, 5)]);
  });

  test("is a key that a foreign key refers to before it, whatever it calls", () => {
    const judged = entry("CONSTRAINT", "marks marks_judged", [marks, judge]);
    const referring = entry("FK CONSTRAINT", "measurements measurements_judged", [measurements, marks, judged]);
    const step = (one: TocEntry) => ({ entry: one, object: undefined });
    const all = new Map([...entries, judged, referring].map((one) => [one.dumpId, one]));
    const builds = planBuilds([judged], [referring], { entries: all, step, bytes: new Map() });
    expect(builds.map(tags)).toEqual([["marks marks_judged"], ["measurements measurements_judged"]]);
  });
});

describe("what may begin now", () => {
  const next = (queue: BuildQueue) => queue.takeSome().flatMap((build) => tags(build) ?? []);

  test("is nothing as long as the rows are missing, then the table that has them", () => {
    const queue = new BuildQueue(plan({ users: 10, marks: large }), ["public.users", "public.marks"]);
    expect(next(queue)).toEqual([]);
    queue.loaded("public.users");
    expect(next(queue)).toEqual(["users users_pkey"]);
    expect(next(queue)).toEqual([]);
  });

  test("is one table's indexes side by side, but nothing beside what locks it, nor what reads rows still to come", () => {
    const queue = new BuildQueue(plan({ users: 10, marks: large }), ["public.users", "public.marks"]);
    queue.loaded("public.marks");
    const key = queue.takeSome();
    expect(key.flatMap(tags)).toEqual(["marks marks_pkey", "marks_by_user"]);
    expect(next(queue)).toEqual([]);
    for (const build of key) queue.ended(build);
    expect(next(queue)).toEqual(["marks_by_mark"]);
    expect(next(queue)).toEqual([]);
    queue.allLoaded();
    expect(next(queue)).toEqual(["users users_pkey", "measurements measurements_pkey"]);
    expect(next(queue)).toEqual(["marks_by_judge"]);
  });

  test("are all of small tables together, and foreign keys only when what they need has ended", () => {
    const queue = new BuildQueue(plan({ users: 10, marks: 20 }, [marksUser, measuredUser]), []);
    const keys = queue.takeSome();
    expect(keys.map(({ tables }) => tables)).toEqual([["public.marks"], ["public.users"], ["public.measurements"]]);
    expect(next(queue)).toEqual([]);
    for (const build of keys) queue.ended(build);
    const foreign = queue.takeSome();
    expect(foreign.flatMap(tags)).toEqual(["marks marks_user_fkey", "measurements measurements_user_fkey"]);
    expect(next(queue)).toEqual([]);
    for (const build of foreign) queue.ended(build);
    expect(next(queue)).toEqual(["marks_by_judge"]);
    expect(queue.isEmpty).toBe(true);
  });

  test("is no foreign key while another session works at one of its tables", () => {
    const queue = new BuildQueue(plan({ users: large, marks: 20 }, [marksUser, measuredUser]), []);
    const keys: Build[] = [];
    for (let some = queue.takeSome(); some.length > 0; some = queue.takeSome()) keys.push(...some);
    for (const build of keys) queue.ended(build);
    const first = queue.takeSome();
    expect(first.flatMap(tags)).toEqual(["marks marks_user_fkey"]);
    expect(next(queue)).toEqual([]);
    for (const build of first) queue.ended(build);
    expect(next(queue)).toEqual(["measurements measurements_user_fkey"]);
  });
});
