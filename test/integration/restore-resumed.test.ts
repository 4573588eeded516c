import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { abandonRestore } from "../../actions/lib/operations/restore/abandon-restore.ts";
import { abandonedPage } from "../../actions/lib/operations/restore/page.ts";
import {
  copyProject,
  createProject,
  dropProject,
  execute,
  type LabProject,
  seedQimma,
  withClient,
} from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { restoreInto, told } from "./restore-lab.ts";

/** An index that can't be built where a setting is missing: a cause that somebody repairs before restoring again. */
const curable = `
  create table public.contacts (id serial primary key, email text not null);
  insert into public.contacts (email) values ('a@example.org'), ('b@example.org');
  alter table public.contacts enable row level security;
  create policy own on public.contacts to authenticated using (true);
  create function public.tail(t text) returns text language sql immutable
    as $$ select case when current_setting('lab.home', true) = 'yes' then t else 'same' end $$;
  create type public.letter as enum ('b', 'a');
  create table public.by_letter (letter public.letter, n int) partition by hash (letter);
  create table public.by_letter_0 partition of public.by_letter for values with (modulus 2, remainder 0);
  create table public.by_letter_1 partition of public.by_letter for values with (modulus 2, remainder 1);
  insert into public.by_letter values ('a', 1), ('a', 2), ('b', 3);
  create sequence public.downwards increment -5 minvalue -1000 start -1;
  select nextval('public.downwards') from generate_series(1, 4);
  set lab.home = 'yes';
  create unique index contacts_tail on public.contacts (public.tail(email), (email = ''));`;

const superuser = () => sharedPostgres(17).superuserUrl();
const made: string[] = [];
let lab: BackupLab;
/** A restore into it has ended, and something differs. */
let ended: LabProject;
/** A restore into it broke off when everything but owners and grants was there. */
let brokenOff: LabProject;

async function another(original?: LabProject): Promise<LabProject> {
  const name = `resumed_${process.pid}_${made.length}`;
  made.push(name);
  return original === undefined ? createProject(superuser(), name) : copyProject(original, name);
}

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  const source = await another();
  await seedQimma(source.postgresUrl, { bytes: 500_000, seed: 12, superuserUrl: source.superuserUrl });
  await execute(source.postgresUrl, curable);
  await backUp(lab, source.backupUrl);
  [ended, brokenOff] = [await another(), await another()];
  expect((await restoreInto(lab, ended.postgresUrl)).outcome).toBe("differs");
  const stop = new AbortController();
  const log: Log = {
    ...silentLog,
    group: async (title, work) => {
      if (title === "owners and grants") stop.abort();
      return work();
    },
  };
  await expect(restoreInto(lab, brokenOff.postgresUrl, { log, signal: stop.signal })).rejects.toThrow();
});
afterAll(async () => {
  for (const name of made) await dropProject(superuser(), name);
  await lab[Symbol.asyncDispose]();
});

const anId = "'9c1d1b60-0000-4000-8000-00000000feed'";

describe("an unfinished restore is not taken up once somebody uses the target", () => {
  test.each([
    [
      "a number was drawn",
      "select nextval('public.contacts_id_seq')",
      /sequence public\.contacts_id_seq stood at 2 and/,
    ],
    ["a policy was dropped", "drop policy own on public.contacts", /policy own on public\.contacts was dropped/],
    [
      "a policy was widened",
      "alter policy own on public.contacts to anon",
      /policy own on public\.contacts was changed/,
    ],
    ["a right was given", "grant select on public.contacts to public", /table public\.contacts was changed/],
    ["row level security went", "alter table public.contacts disable row level security", /contacts was changed/],
    ["a table was made", "create table public.newer (id int)", /table public\.newer was made/],
    [
      "a policy on files was made",
      "create policy all_of_it on storage.objects to anon using (true)",
      /all_of_it.* made/,
    ],
    [
      "a row was changed",
      "update public.contacts set email = 'c@example.org' where id = 1",
      /rows of public\.contacts/,
    ],
    ["a row was deleted", "delete from public.contacts where id = 1", /rows of public\.contacts were deleted/],
    ["a row of a hash partition was deleted", "delete from public.by_letter where n = 2", /by_letter were deleted/],
    ["somebody signed in", "update auth.users set last_sign_in_at = now()", /somebody signed up or in \(auth\.users\)/],
  ])("after it ended: %s", async (_what, use, told) => {
    const target = await another(ended);
    await execute(target.superuserUrl, use);
    const before = await stateOf(target);
    await expect(restoreInto(lab, target.postgresUrl)).rejects.toMatchObject({
      ...{ code: "target-moved-on", exitCode: 2, message: expect.stringMatching(told) },
      next: expect.stringContaining("lifeboat restore --abandon"),
    });
    expect(await stateOf(target)).toEqual(before);
  });

  test.each([
    ["numbers were drawn", "select setval('public.contacts_id_seq', 777777)", /contacts_id_seq stands at 777777/],
    ["a table was made", "create table public.newer (id int)", /table public\.newer was made/],
    [
      "a row was added",
      "insert into public.contacts (id, email) values (9, 'd@example.org')",
      /rows of public\.contacts/,
    ],
    [
      "a hash partition got a row",
      "insert into public.by_letter values ('b', 4)",
      /rows of public\.by_letter were written/,
    ],
    [
      "somebody signed up",
      `insert into auth.users (id, email, created_at) values (${anId}, 'x@example.org', now())`,
      /somebody signed up or in/,
    ],
  ])("after it broke off: %s", async (_what, use, told) => {
    const target = await another(brokenOff);
    await execute(target.superuserUrl, use);
    const before = await stateOf(target);
    const code = "target-moved-on";
    await expect(restoreInto(lab, target.postgresUrl)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(told),
    });
    expect(await stateOf(target)).toEqual(before);
  });

  test("a week later", async () => {
    const target = await another(ended);
    await execute(target.superuserUrl, "update lifeboat_restore.journal set at = at - interval '8 days'");
    const refusal = { code: "journal-aged", message: expect.stringContaining("stopped 8 days ago") };
    await expect(restoreInto(lab, target.postgresUrl)).rejects.toMatchObject(refusal);
  });
});

/** What a restore would set back. */
async function stateOf({ superuserUrl }: LabProject): Promise<unknown> {
  const answer = await withClient(superuserUrl, (client) =>
    client.query(`select (select array_agg(p.* order by p.*) from pg_policies p), (select last_value from public.contacts_id_seq),
      (select array_agg(c.* order by c.*) from public.contacts c), (select relacl from pg_class where oid = 'public.contacts'::regclass)`),
  );
  return answer.rows;
}

test("a restore that ended with differences goes on when their cause was repaired, and ends equal", async () => {
  const target = await another(ended);
  await execute(target.superuserUrl, `alter database ${target.name} set lab.home = 'yes'`);
  const again = await restoreInto(lab, target.postgresUrl);
  expect(told(again, "failed")).toEqual([expect.stringContaining("only here or other: lab.home")]);
  await execute(target.superuserUrl, `alter database ${target.name} reset lab.home`);
  expect(await restoreInto(lab, target.postgresUrl)).toMatchObject({ outcome: "equal", begun: "resumed" });
  const values = await withClient(target.superuserUrl, (client) =>
    client.query("select last_value from public.downwards"),
  );
  expect(values.rows).toEqual([{ last_value: "-16" }]);
});

test("what was in the way and is gone, and what a person made as the set has it, is no use of the target", async () => {
  const target = await another(ended);
  await execute(
    target.superuserUrl,
    `set lab.home = 'yes';
     create unique index contacts_tail on public.contacts (public.tail(email), (email = ''))`,
  );
  expect(await restoreInto(lab, target.postgresUrl)).toMatchObject({ outcome: "equal", begun: "resumed" });
});

test("an unfinished restore is given up: our notes go, everything else stays, and nothing takes it up again", async () => {
  const target = await another(ended);
  const config = await loadConfig({
    needs: ["target"],
    env: { ...lab.env("postgres://nobody@127.0.0.1/unused"), TARGET_DATABASE_URL: target.postgresUrl },
  });
  const request = { config, set: undefined, production: undefined, log: silentLog };
  const rehearsed = await abandonRestore({ ...request, dryRun: true });
  expect(rehearsed).toMatchObject({ outcome: "dry-run", tables: expect.arrayContaining(["public.contacts"]) });
  await expect(abandonRestore({ ...request, set: "20260101T000000Z-00000000", dryRun: false })).rejects.toMatchObject({
    code: "target-half-restored",
  });
  const before = await stateOf(target);
  const result = await abandonRestore({ ...request, dryRun: false });
  expect(result).toEqual({ ...rehearsed, outcome: "abandoned" });
  expect(abandonedPage(result).sentence).toMatch(
    /is given up: its notes are gone, \d+ objects and the rows of \d+ tables/,
  );
  expect(await stateOf(target)).toEqual(before);
  await expect(abandonRestore({ ...request, dryRun: false })).rejects.toMatchObject({ code: "nothing-to-abandon" });
  await expect(restoreInto(lab, target.postgresUrl)).rejects.toMatchObject({ code: "target-not-empty" });
});
