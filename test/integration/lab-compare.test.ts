import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  compareDatabases,
  copyProject,
  createProject,
  dropProject,
  execute,
  type LabProject,
  PLANTED_EMAIL,
  seedQimma,
} from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";

/** What is done to the copy, and the line that has to tell it. */
const planted: readonly [name: string, sql: string, line: RegExp][] = [
  ["a lost row", "delete from public.no_columns where ctid = '(0,1)'", /^rows public\.no_columns: left 2 rows/],
  [
    "a doubled row that makes up for a lost one",
    `delete from public.duplicates where ctid = (select min(ctid) from public.duplicates where email = 'same');
     insert into public.duplicates select * from public.duplicates where email is null limit 1`,
    /^rows public\.duplicates: left 106 rows \w+ right 106 rows/,
  ],
  ["1.0 that became 1.00", "update public.odd_values set exact = 1.00 where id = 3", /^rows public\.odd_values: /],
  [
    "null that became empty",
    "update public.no_rows set note = ''; insert into public.no_rows values (1, '')",
    /^rows public\.no_rows: /,
  ],
  [
    "a regained EXECUTE",
    "grant execute on function public.grant_credits to anon",
    /^grant execute on function public\.grant_credits\(uuid,numeric\) to anon: left \(absent\)/,
  ],
  [
    "a lost column grant",
    "revoke select (role) on public.users from qimma_reporting",
    /^grant select on column public\.users\.role to qimma_reporting: .* right \(absent\)/,
  ],
  [
    "a lost policy on storage.objects",
    'drop policy "Avatars are public" on storage.objects',
    /^policy "Avatars are public" on storage\.objects: .* right \(absent\)/,
  ],
  ["row level security switched off", "alter table public.exams disable row level security", /^table public\.exams: /],
  [
    "a lost trigger on auth.users",
    "drop trigger on_auth_user_created on auth.users",
    /^trigger on_auth_user_created on auth\.users: /,
  ],
  [
    "a trigger that was enabled",
    "alter table public.student_submissions enable trigger audit_high_scores",
    /^trigger audit_high_scores on public\.student_submissions: /,
  ],
  [
    "a constraint that became valid",
    "alter table public.classes validate constraint classes_teacher_fkey",
    /^constraint classes_teacher_fkey on public\.classes: /,
  ],
  ["a lost index", "drop index public.submissions_open", /^index public\.submissions_open: /],
  [
    "another default",
    "alter table public.users alter column locale set default 'en'",
    /^column public\.users\.locale: /,
  ],
  [
    "another body of a function",
    "create or replace function public.last_of(state anyelement, value anyelement) returns anyelement language sql immutable as 'select state'",
    /^function public\.last_of\(anyelement,anyelement\): /,
  ],
  [
    "an enum in another order",
    "alter type public.user_role rename value 'student' to 'pupil'",
    /^type public\.user_role: /,
  ],
  [
    "a sequence that fell back",
    "select setval('public.receipt_numbers', 100000)",
    /^sequence value public\.receipt_numbers: /,
  ],
  [
    "a descending sequence that fell back",
    "select setval('public.countdown', 0)",
    /^sequence value public\.countdown: /,
  ],
  [
    "default privileges that came back",
    "alter default privileges for role postgres in schema public grant execute on functions to anon",
    /^grant execute on default for f of postgres in public to anon: /,
  ],
  [
    "a lost comment",
    "comment on column public.users.full_name is null",
    /^comment table column public\.users\.full_name: /,
  ],
  [
    "a publication without a table",
    "alter publication supabase_realtime drop table public.exams",
    /^published table public\.exams in supabase_realtime: /,
  ],
  ["a refreshed materialised view", "refresh materialized view public.stale_roles", /^rows public\.stale_roles: /],
  [
    "a populated materialised view",
    "refresh materialized view public.unpopulated_report",
    /^materialized view public\.unpopulated_report: /,
  ],
  ["another large object", "select lowrite(lo_open(424242, 131072), 'x')", /^large object 424242: /],
  [
    "another owner",
    "alter table public.no_rows owner to supabase_admin",
    /^table public\.no_rows: left owner postgres .* right owner supabase_admin/,
  ],
  ["a lost event trigger", "drop event trigger note_new_tables", /^event trigger note_new_tables: /],
  ["a lost extension", "drop extension pg_trgm cascade", /^extension pg_trgm: /],
  [
    "a view of other columns",
    "create or replace view public.graded as select id, exam_id, student_id, score from public.student_submissions",
    /^view public\.graded: /,
  ],
  [
    "a role's setting for this database",
    "alter role anon in database %s set work_mem = '8MB'",
    /^role setting anon in this database: /,
  ],
];

describe("the comparison of databases", () => {
  const suffix = randomBytes(4).toString("hex");
  const superuserUrl = (): string => sharedPostgres(17).url;
  let project: LabProject;

  beforeAll(async () => {
    project = await createProject(superuserUrl(), `lab_compare_${suffix}`);
    await seedQimma(project.postgresUrl, { bytes: 1024 ** 2, seed: 3, superuserUrl: project.superuserUrl });
  });
  afterAll(() => dropProject(superuserUrl(), project.name));

  async function differences(sql: string): Promise<string[]> {
    const copy = await copyProject(project, `lab_compare_copy_${suffix}`);
    try {
      if (sql !== "") await execute(copy.superuserUrl, sql.replace("%s", copy.name));
      return await compareDatabases(project.superuserUrl, copy.superuserUrl);
    } finally {
      await dropProject(superuserUrl(), copy.name);
    }
  }

  it("finds nothing in an exact copy", async () => {
    expect(await differences("")).toEqual([]);
  });

  it.each(planted)("finds %s", async (_name, sql, line) => {
    const found = await differences(sql);
    expect(found).toContainEqual(expect.stringMatching(line));
    expect(found.join("\n")).not.toContain(PLANTED_EMAIL);
  });

  it("lets a sequence be ahead, in its own direction", async () => {
    expect(await differences("select nextval('public.receipt_numbers'), setval('public.countdown', -300)")).toEqual([]);
  });

  it("names no difference that is not there when rows only lie elsewhere on disk", async () => {
    expect(await differences("cluster public.exams; update public.classes set name = name")).toEqual([]);
  });
});
