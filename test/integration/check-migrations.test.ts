import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { formatDay } from "../../actions/lib/base/measures.ts";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { checkMigrations } from "../../actions/lib/operations/check-migrations/check-migrations.ts";
import { keptIn } from "../../actions/lib/operations/check-migrations/kept-in.ts";
import { migrationCheckPage, reportCheck } from "../../actions/lib/operations/check-migrations/page.ts";
import { renderMarkdown } from "../../actions/lib/report/page.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { createProject, dropProject, prepareCluster, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";

const base = `
  create table public.exams (id bigint primary key, title varchar(50), score numeric, owner uuid references auth.users (id));
  create table public.old_notes (a int);
  create table public.answers (id int primary key, exam bigint references public.exams (id), text text);
  alter table public.exams enable row level security;
  create policy own on public.exams using (owner = (select auth.uid()));
  create policy own on storage.objects using ((storage.foldername(name))[1] = auth.uid()::text);
  insert into storage.buckets (id, name) values ('exam-files', 'exam-files');
  select cron.schedule('nightly', '0 3 * * *', 'select 1');
  alter publication supabase_realtime add table public.exams;`;

let repo: string;
let lab: BackupLab;
const made: string[] = [];
const superuser = () => sharedPostgres(17).superuserUrl();

const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], { cwd: repo, stdio: "pipe" });

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  await prepareCluster(superuser());
  repo = mkdtempSync(join(tmpdir(), "lifeboat-change-"));
  mkdirSync(join(repo, "m"));
  writeFileSync(join(repo, "m", "1_base.sql"), base);
  git("init", "-q");
  git("add", ".");
  git("commit", "-qm", "base");
});
afterAll(async () => {
  rmSync(repo, { recursive: true });
  await lab[Symbol.asyncDispose]();
});

/** What is said of a change that brings these files. */
async function check(files: Readonly<Record<string, string>>, on = superuser()) {
  for (const name of made.splice(0)) rmSync(join(repo, "m", name));
  for (const [name, sql] of Object.entries(files)) {
    made.push(name);
    writeFileSync(join(repo, "m", name), sql);
  }
  const before = process.cwd();
  process.chdir(repo);
  try {
    return await checkMigrations({
      ...{ folder: "m", base: "HEAD", server: parseConnectionUrl(on), setting: "CHECK_DATABASE_URL" },
      ...{ log: silentLog, signal: new AbortController().signal },
    });
  } finally {
    process.chdir(before);
  }
}

const lost = (result: Awaited<ReturnType<typeof check>>): string[] =>
  result.losses.map(({ what, how }) => `${what} ${how}`);

test("what a change drops, narrows and overwrites is named, and what it only adds or widens is not", async () => {
  const result = await check({
    "2_loses.sql": `
      create table public.new_one (a int, b text); alter table public.new_one drop column b; drop table public.new_one;
      alter table public.exams drop column score, alter column title type varchar(60), add column note text;
      alter table public.exams alter column id type int;
      alter table public.answers rename to replies; alter table public.replies rename text to body;
      update public.exams set note = 'x'; do $$ begin execute 'delete from public.replies'; end $$;`,
    "3_more.sql": "drop table public.old_notes cascade; truncate public.replies;",
  });
  expect(result.outcome).toBe("loses");
  expect(lost(result).sort()).toEqual([
    "DO: execute may overwrite or remove rows",
    "TRUNCATE public.replies removes all rows",
    "UPDATE public.exams overwrites or removes rows",
    "the column public.exams.id becomes integer, and was bigint",
    "the column public.exams.score is dropped",
    "the table public.old_notes is dropped",
  ]);
});

test("the locks that it took are told by table, with what others feel of them", async () => {
  const result = await check({
    "2_locks.sql": `create index on public.exams (title);
      alter table public.exams alter column id type int;
      alter table public.answers add constraint c check (id > 0) not valid;`,
    "3_index.sql": "create index concurrently on public.answers (text)",
  });
  const told = result.locks.map(({ table, mode, rewrites }) => `${table} ${mode}${rewrites ? ", rewritten" : ""}`);
  expect(told).toContain("public.exams ShareLock");
  expect(told).toContain("public.exams AccessExclusiveLock, rewritten");
  expect(told).toContain("public.answers AccessExclusiveLock");
  expect(
    result.locks.filter(({ file }) => file === "3_index.sql").map(({ mode, table }) => `${table} ${mode}`),
  ).toEqual(["public.answers ShareUpdateExclusiveLock"]);
  const page = renderMarkdown(migrationCheckPage(result, []));
  expect(page).toContain("nobody writes it");
  expect(page).toContain("nobody reads or writes it, while the whole table is written anew");
});

test("a change without migrations, a harmless one, one that refuses, and one that cannot be tried here are told apart", async () => {
  expect((await check({})).outcome).toBe("none");
  expect((await check({ "2_a.sql": "alter table public.exams add column x int" })).outcome).toBe("nothing-lost");
  const refused = await check({ "2_a.sql": "alter table public.nowhere add column x int" });
  expect([refused.outcome, refused.why]).toEqual([
    "refused",
    expect.stringMatching(/2_a\.sql refuses at statement 1.*42P01/),
  ]);
  expect((await check({ "2_a.sql": "select 1; rollback" })).outcome).toBe("refused");
  expect((await check({ "1_twin.sql": "select 1" })).outcome).toBe("refused");
  const unclear = await check({
    "2_a.sql": `create extension if not exists "no_such_thing"; select no_such_thing.f(); drop table public.answers`,
  });
  expect(unclear.outcome).toBe("unclear");
  expect(lost(unclear)).toEqual(["DROP TABLE public.answers is taken away"]);
  expect(
    (await check({ "2_a.sql": "create extension if not exists no_such_thing with schema extensions" })).outcome,
  ).toBe("nothing-lost");
});

test("where the schema before it cannot be whole here, the rest is seen, and what is not is named", async () => {
  writeFileSync(
    join(repo, "m", "1_base.sql"),
    `${base} create extension if not exists no_such_thing; create table public.vectors (v no_such_type, a int); create table public.kept (a int, b int);`,
  );
  git("commit", "-qam", "with what nobody has");
  try {
    const result = await check({ "2_a.sql": "alter table public.kept drop column b" });
    expect([result.outcome, lost(result)[0]]).toEqual(["loses", "the column public.kept.b is dropped"]);
    expect(result.findings.map(({ what }) => what).join("\n")).toMatch(
      /no_such_thing is not on this server[\s\S]*CREATE TABLE public\.vectors .*42704/,
    );
    expect((await check({ "2_a.sql": "alter table public.vectors drop column a" })).outcome).toBe("unclear");
  } finally {
    git("reset", "-q", "--hard", "HEAD^");
  }
});

test("nothing of it stays on the server, and names are text in the page", async () => {
  const result = await check({
    "2_a.sql": `alter table public.exams add column "[x](http://evil) | <b>" int; alter table public.old_notes rename to "![x](y)"; drop table "![x](y)"`,
  });
  const found = await withClient(superuser(), (client) =>
    client.query("select from pg_database where datname like 'lifeboat_check_%'"),
  );
  expect(found.rowCount).toBe(0);
  expect(renderMarkdown(migrationCheckPage(result, []))).not.toContain("![x](y)");
});

test("a server that may be somebody's is refused untouched, and a comment is whole lines that a variable can hold", async () => {
  const project = await createProject(superuser(), `check_${process.pid}`);
  try {
    const roles = "select string_agg(oid || rolname, ',' order by oid) as roles from pg_roles";
    const before = await withClient(superuser(), (client) => client.query(roles));
    await expect(check({ "2_a.sql": "drop table public.exams" }, project.postgresUrl)).rejects.toMatchObject({
      code: "check-server",
    });
    expect((await withClient(superuser(), (client) => client.query(roles))).rows).toEqual(before.rows);
  } finally {
    await dropProject(superuser(), `check_${process.pid}`);
  }
  const result = await check({ "2_a.sql": "alter table public.exams drop column score" });
  const [loss] = result.losses;
  const losses = Array.from({ length: 3000 }, () => ({
    file: "2_a.sql",
    how: "is dropped",
    what: `${loss?.what} ${"表".repeat(30)}`,
  }));
  const page = migrationCheckPage({ ...result, losses }, []);
  const { comment = "" } = reportCheck(result, page, renderMarkdown(page)).outputs ?? {};
  expect([comment.length <= 65_536, Buffer.byteLength(comment) < 131_072]).toEqual([true, true]);
  expect(comment.split("\n").filter((line) => line.includes("表") && !line.endsWith("|"))).toEqual([]);
  expect(comment).toMatch(/The rest is in the job's summary/);
});

test("until when a loss can be undone is told by the policy's terms, from the newest signed set on", async () => {
  const now = Date.UTC(2026, 10, 29);
  const { policy: short } = await lab.config("postgres://nobody@127.0.0.1/unused");
  const { daily, weekly } = short.tiers;
  const policy = {
    ...short,
    tiers: { ...short.tiers, daily: { ...daily, retentionDays: 30 }, weekly: { ...weekly, retentionDays: 84 } },
  };
  const sets = await keptIn(policy, undefined, now);
  expect(sets.slice(0, 2).map(({ tier, set, until }) => [tier, set, formatDay(until)])).toEqual([
    ["daily", null, "2026-12-29"],
    ["weekly", null, "2027-02-21"],
  ]);
  const result = await check({ "2_a.sql": "drop table public.old_notes" });
  expect(renderMarkdown(migrationCheckPage(result, sets))).toContain(
    "| daily | the last before the merge | 2026-12-29 |",
  );

  const source = await createProject(superuser(), `check_migrations_${process.pid}`);
  try {
    const { set } = await backUp(lab, source.backupUrl);
    // Newer by its name, and signed by nobody.
    await lab.vault.put(`database/daily/29990101T000000Z-00000000/manifest.json`, Buffer.from("{}"));
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.signers);
    const found = await keptIn(policy, { vault: lab.vault, verify }, now);
    expect(found.find(({ tier }) => tier === "daily")?.set).toBe(set);
  } finally {
    await dropProject(superuser(), source.name);
  }
});
