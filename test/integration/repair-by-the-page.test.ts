import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lifeboat } from "../lab/command-line.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";

/** runbooks/recover-minor-corruption.md, followed from "something is wrong" to "it is right again" with its own commands. */

const ref = "abcdefghijklmnopqrst";
let lab: BackupLab;
let project: LabProject;
let env: Record<string, string>;
const name = `by_the_page_${process.pid}`;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  project = await createProject(sharedPostgres(17).superuserUrl(), name);
  await execute(
    project.postgresUrl,
    `create table public.exams (id int primary key, title text, seen int);
     insert into public.exams select n, 'Exam ' || n, 0 from generate_series(1, 400) n`,
  );
  env = {
    ...lab.env(project.backupUrl),
    ...{ RESTORE_PRIVATE_KEY: lab.operations.key.armor(), TARGET_DATABASE_URL: project.postgresUrl },
    ...{ SUPABASE_PROJECT_REF: ref, TARGET_PROJECT_REF: ref },
  };
});
afterAll(async () => {
  await dropProject(sharedPostgres(17).superuserUrl(), name);
  await lab?.[Symbol.asyncDispose]();
});

const exams = async () =>
  (await withClient(project.postgresUrl, (client) => client.query("select * from public.exams order by id"))).rows;

test("the page's commands lead from an accident to rows that are right, and back", async () => {
  const page = await readFile(new URL("../../runbooks/recover-minor-corruption.md", import.meta.url), "utf8");
  const commands = [...page.matchAll(/^ *npx lifeboat (.*)$/gm)].map(([, command = ""]) => command);
  const known: Record<string, string> = {};
  const said = async (command = ""): Promise<string> => {
    const filled = command.replace(/<([a-zA-Z ]+)>/g, (_, placeholder: string) => known[placeholder] ?? "?");
    const args = [...filled.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
    const production = args[0] === "repair" ? ["--production", ref] : [];
    const ended = await lifeboat([...args, ...production], env);
    // A comparison's answer is its exit code, too.
    const fine = args[0] === "compare" ? [0, 1] : [0];
    expect(fine, `${filled}\n${ended.stderr}\n${ended.stdout}`).toContain(ended.code);
    return ended.stdout;
  };
  const [begin, history, compare, rehearse, repair, again, undo, ...more] = commands;
  expect(more).toEqual([]);

  const good = await backUp(lab, project.backupUrl);
  const before = await exams();
  known["N"] = await withClient(project.postgresUrl, async (client) => {
    const { rows } = await client.query("update public.exams set title = 'lost' returning txid_current()::text as id");
    return rows[0].id;
  });
  await said(begin);
  known["incident"] = JSON.parse((await lifeboat(["incident", "--json"], env)).stdout).incidents[0] ?? "";
  await execute(
    project.postgresUrl,
    "update public.exams set title = 'new' where id <= 5; insert into public.exams values (401, 'later', 0)",
  );
  const damaged = await exams();

  expect(await said(history)).toContain(good.set);
  known["set"] = good.set;
  expect(await said(compare)).toContain(known["N"]);
  const { sets } = JSON.parse((await lifeboat(["list", "--newest", "1", "--json"], env)).stdout);
  known["damaged set"] = sets[0].set;
  const planned = await said(rehearse);
  known["rows"] = /expect-rows (\d+)/.exec(planned)?.[1] ?? "";
  expect(known["rows"]).toBe("395");
  expect(await exams()).toEqual(damaged);

  known["repair"] = /repair --undo (\S+?)\.?$/m.exec(await said(repair))?.[1] ?? "";
  const kept = new Map(damaged.filter(({ title }) => title !== "lost").map((exam) => [exam.id, exam]));
  expect(await exams()).toEqual([...before.map((exam) => kept.get(exam.id) ?? exam), kept.get(401)]);
  await said(again);
  await said(undo);
  expect(await exams()).toEqual(damaged);
}, 300_000);
