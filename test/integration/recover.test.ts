import { execFile, execFileSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { awsFolder } from "../../scripts/setup/moto.mjs";
import { compareDatabases, createProject, dropProject, execute, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { type BackupLab, backUp } from "./backup-lab.ts";
import { lostIn, openRecoveryLab, type RecoveryLab, recoverPageOf, rowsOfHashed } from "./recovery-lab.ts";
import { stockPath } from "./recovery-machine.ts";

const run = promisify(execFile);
/** What an extension's own functions make belongs to whoever has it made. */
const ofQueues = /^(sequence|grant \w+ on relation) pgmq\..*(owner|\(absent\))/;
/** A check that calls a function which needs a search path: no restore can load such rows as they are. */
const refused = `create table public.a_refused (n int);
  create function public.is_fine(int) returns boolean language sql as 'select $1 <= (select count(*) from a_refused) + 9';
  alter table public.a_refused add check (public.is_fine(n));
  set search_path = public; insert into public.a_refused values (1), (2)`;
/** A name that would end its own statement where somebody looked for the end. */
const hostile = `create table public."h (a) FROM stdin;\n\\.\n\nDROP TABLE y; --" ("b\n\\" text);
  insert into public."h (a) FROM stdin;\n\\.\n\nDROP TABLE y; --" values ('\\.'), (E'\n\\.\n')`;
/** Tables that an extension makes by itself, for what only their rows say. */
const queues = `create extension pgmq; select pgmq.create('Mails to us'); select pgmq.create_unlogged('fast');
  select pgmq.send('Mails to us', '{"say": "x\\\\y\\tz"}') from generate_series(1, 20); delete from pgmq."q_mails to us" where msg_id = 20`;
const queued = `select (select string_agg(queue_name || created_at, ',' order by queue_name) from pgmq.meta) as listed,
  (select max(msg_id) || ' ' || count(*) || ' ' || max(message::text) from pgmq."q_mails to us") as waiting,
  (select last_value from pgmq."q_mails to us_msg_id_seq") as next,
  (select string_agg(relpersistence::text, '' order by relname) from pg_class where relnamespace = 'pgmq'::regnamespace and relkind = 'r') as kinds`;
const inQueues = async (url: string) => (await withClient(url, (client) => client.query(queued))).rows;
const notLoaded = expect.stringMatching(
  /^rows of public\.a_refused: 0 here, 2 at the backup; rows_of \d+ prints them$/,
);
/** Rows lie in other partitions where an enum has another number; `rowsOfHashed` looks at them. */
const moved = /^rows hashed_by_numbers\./;
const tools = ["aws", "gpg", "zstd", "sha256sum", "awk", "bash"];

/**
 * What belongs to the target's own set-up: its superuser, who owns the built-in languages, and the database's owner and
 * privileges, which the page leaves to the reader.
 */
const ofTheCluster =
  /^(role (owner|lab_superuser)|database this one|grant \w+ on (database|language (sql|plpgsql)) to ).*:/;

test("the tools that RECOVER.md asks for are here: without them nothing below would be proved", () => {
  for (const tool of tools) {
    execFileSync("bash", ["-c", `command -v ${tool}`], { stdio: "ignore", env: { ...process.env, PATH: stockPath } });
  }
});

test("the AWS CLI that set-up brings runs", () => {
  expect(execFileSync(join(awsFolder(), "aws"), ["--version"], { encoding: "utf8" })).toContain("aws-cli/");
});

describe.each([17, 15] as const)("RECOVER.md of a set of PostgreSQL %i, run as a script", (major) => {
  const name = `recover it's \\ ${major} "${process.pid}"`;
  let recovery: RecoveryLab;
  let lab: BackupLab;
  let set: BackupResult;
  let page: string;

  beforeAll(async () => {
    recovery = await openRecoveryLab(major, name, { bytes: 12_000_000, seed: 11 });
    const { source } = recovery;
    lab = recovery.lab;
    await execute(
      source.superuserUrl,
      `alter role qimma_reporting in database ${pg.escapeIdentifier(name)} set work_mem = '9MB'`,
    );
    // Good for one time: whoever has them would come in here too.
    await execute(
      source.superuserUrl,
      `update auth.users set recovery_token = 'c0ffee', confirmation_token = 'decaf' where id = (select min(id::text)::uuid from auth.users);
       insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
         select gen_random_uuid(), min(id::text)::uuid, 'recovery_token', 'c0ffee', 'a@example.org' from auth.users`,
    );
    await execute(source.postgresUrl, refused);
    await execute(source.postgresUrl, queues);
    await execute(source.postgresUrl, hostile);
    set = await backUp(lab, source.backupUrl, { tier: "daily" });
    page = await recoverPageOf(lab.vault, set.prefix);
  });
  afterAll(() => recovery?.[Symbol.asyncDispose]());

  function recover(
    database: string,
    changes: Record<string, string> = {},
  ): Promise<{ stdout: string; stderr: string }> {
    const WORK = join(lab.folder, database);
    return recovery.machine.follow(page, { TARGET_DATABASE_URL: recovery.targetUrl(database), WORK, ...changes });
  }

  test("gives an empty plain Postgres everything that the source had but Vault's secrets, and says so with its exit", async () => {
    await recovery.newTarget("whole");
    // The ordinary program, started for each object; the other pages call the one that runs already.
    const { missing, stdout, stderr } = await lostIn(
      recover("whole", { PATH: `${awsFolder()}:${recovery.machine.env["PATH"]}` }),
    );
    expect(missing).toEqual([notLoaded, "Vault's secrets: the target has no Vault; open_secrets prints them"]);
    expect(stdout).toContain("whole: ");
    expect(stderr).toMatch(/\d+ tables hold exactly the rows that they held at the backup/);
    const differences = await compareDatabases(recovery.source.superuserUrl, recovery.targetUrl("whole"));
    const explained = [ofTheCluster, moved, ofQueues];
    const unexplained = differences.filter((line) => !explained.some((lines) => lines.test(line)));
    expect(differences.some((line) => moved.test(line))).toBe(true);
    expect(await rowsOfHashed(recovery.targetUrl("whole"))).toEqual(await rowsOfHashed(recovery.source.superuserUrl));
    expect(await inQueues(recovery.targetUrl("whole"))).toEqual(await inQueues(recovery.source.superuserUrl));
    // Plain Postgres lets only superusers own event triggers; a materialised view that was stale is computed anew.
    expect(unexplained).toEqual([
      expect.stringMatching(/^event trigger note_new_tables: .* owner postgres right .* owner owner$/),
      expect.stringMatching(/^rows auth\.one_time_tokens: /),
      expect.stringMatching(/^rows auth\.users: /),
      expect.stringMatching(/^rows public\.a_refused: left 2 rows .* right 0 rows /),
      expect.stringMatching(/^rows public\.stale_roles: left 3 rows .* right 4 rows /),
      // No Vault here: the page says so, and how to print them.
      expect.stringMatching(/^rows vault\.secrets: left 1 rows .* right 0 rows /),
    ]);
  });

  test("brings back one table alone, from each of its slices", async () => {
    const names = set.artifacts.map(({ name }) => /^data\/\d+-(public\.[a-z_]+)\.002\.sql\./.exec(name)?.[1]);
    const table = names.find((name) => name !== undefined);
    const count = { text: `select count(*)::int as rows from ${table}` };
    const { rows } = await withClient(recovery.source.superuserUrl, (client) => client.query(count));
    const emptied = `set session_replication_role = replica; delete from ${table}`;
    await execute(recovery.targetUrl("whole"), emptied);
    const alone = page.slice(page.indexOf("\n## One table alone"), page.indexOf("\n## The project's configuration"));
    const oid = `$(awk -F'\\t' '$5 == "${table}" { print $2; exit }' blocks)`;
    const steps =
      page.slice(0, page.indexOf("\n## 5.")) + alone.replaceAll("```bash", "```sh").replace("16402", () => oid);
    await recovery.machine.follow(steps, {
      ...{ TARGET_DATABASE_URL: recovery.targetUrl("whole"), AGAIN: "1" },
      WORK: join(lab.folder, "one-table"),
    });
    const found = await withClient(recovery.targetUrl("whole"), (client) => client.query(count));
    expect([table, found.rows]).toEqual([table, rows]);
  });

  test("gives a new Supabase project all of it that is not the platform's, as postgres, who is no superuser", async () => {
    const project = await createProject(sharedPostgres(major).superuserUrl(), `recovered_${process.pid}`);
    try {
      const { missing, stderr } = await lostIn(recover("project", { TARGET_DATABASE_URL: project.postgresUrl }));
      // The lab's postgres may not make event triggers, and its cron is no extension.
      expect(missing).toEqual([
        "event trigger note_new_tables",
        ...[expect.stringMatching(/^rows of cron\.job: 2 at the backup; rows_of \d+ prints them$/), notLoaded],
      ]);
      expect(await rowsOfHashed(project.superuserUrl)).toEqual(await rowsOfHashed(recovery.source.superuserUrl));
      expect(await inQueues(project.superuserUrl)).toEqual(await inQueues(recovery.source.superuserUrl));
      const lent = `select count(*)::int as left from pg_auth_members where member = 'postgres'::regrole and grantor = member`;
      expect((await withClient(project.superuserUrl, (client) => client.query(lent))).rows).toEqual([{ left: 0 }]);
      expect(stderr).toMatch(/\d+ tables hold exactly the rows that they held at the backup/);
      const tokens = `select (select count(*)::int from auth.one_time_tokens) as rows, (select count(*)::int from auth.users
        where recovery_token <> '' or confirmation_token <> '') as people, (select count(*)::int from auth.users) > 0 as others`;
      const left = await withClient(project.superuserUrl, (client) => client.query(tokens));
      expect(left.rows).toEqual([{ rows: 0, people: 0, others: true }]);
      // What is in use by now is no place to recover into.
      await expect(recover("again", { TARGET_DATABASE_URL: project.postgresUrl })).rejects.toMatchObject({
        stderr: expect.stringContaining("the target is not empty"),
      });
    } finally {
      await dropProject(sharedPostgres(major).superuserUrl(), project.name);
    }
  });

  test("stops before the target is touched when an object is not what the manifest says", async () => {
    await recovery.newTarget("untouched");
    const artifact = set.prefix + (set.artifacts[1]?.name ?? "");
    const { body } = await lab.vault.get(artifact);
    await lab.vault.put(artifact, Buffer.concat([body.subarray(0, -1), Buffer.from([~(body.at(-1) ?? 0) & 0xff])]));
    await expect(recover("untouched")).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining("FAILED") });
    await lab.vault.put(artifact, body);
    await expect(recover("untouched", { SIGNING_FINGERPRINT: "0".repeat(40) })).rejects.toMatchObject({ code: 1 });
    const tables = `psql -X -At -d "$URL" -c "select count(*) from pg_class where oid >= 16384"`;
    const looked = await run("bash", ["-c", tables], {
      env: { ...recovery.machine.env, URL: recovery.targetUrl("untouched") },
    });
    expect(looked.stdout.trim()).toBe("0");
  });
});
