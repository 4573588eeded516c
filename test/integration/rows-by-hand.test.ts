import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createProject, dropProject, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";

/** runbooks/sql/rows-out.sql and rows-back.sql: rows of a restored copy, put back into the project with psql alone. */

const sql = (name: string): string => new URL(`../../runbooks/sql/${name}.sql`, import.meta.url).pathname;
const server = sharedPostgres(17);
const superuser = (): string => server.superuserUrl();
let [project, copy]: LabProject[] = [];
let folder: string;

const seed = `
  create table public.exams (
    id bigint generated always as identity primary key, code text not null, title text, subject text,
    words integer generated always as (array_length(string_to_array(title, ' '), 1)) stored,
    answers jsonb, hash bytea, weights numeric[]
  );
  insert into public.exams (code, title, subject, answers, hash, weights)
  select 'E' || n, E'Title\\t' || n, 'maths', jsonb_build_object('n', E'a\\\\b\\n'), decode('00ff', 'hex'), '{1.50,null}'
    from generate_series(1, 20) n;
  create table public.marks ("exam id" bigint, "student" text, mark integer, primary key ("exam id", student));
  insert into public.marks values (1, 'a', 5), (1, 'b', 6), (2, 'a', 7);`;

beforeAll(async () => {
  project = await createProject(superuser(), `rows_by_hand_${process.pid}`);
  copy = await createProject(superuser(), `rows_by_hand_copy_${process.pid}`);
  folder = await mkdtemp(join(tmpdir(), "rows-by-hand-"));
  for (const one of [project, copy]) await withClient(one.postgresUrl, (client) => client.query(seed));
});
afterAll(async () => {
  for (const one of [project, copy]) if (one !== undefined) await dropProject(superuser(), one.name);
  await rm(folder, { recursive: true, force: true });
});

async function psql(of: LabProject | undefined, name: string, values: Readonly<Record<string, string>>) {
  const given = Object.entries(values).flatMap(([key, value]) => ["-v", `${key}=${value}`]);
  const args = [of?.postgresUrl ?? "", "-X", ...given, "-f", sql(name)];
  const { stdout } = await promisify(execFile)(join(server.binDir, "psql"), args, { cwd: folder });
  return stdout;
}

const rowsOf = (of: LabProject | undefined, query: string): Promise<{ row: { id: number } }[]> =>
  withClient(of?.postgresUrl ?? "", async (client) => (await client.query(query)).rows);
const exams = "select to_jsonb(e) as row from public.exams e order by id";

test("as the runbook says it: missing rows come back whole, named columns of others too, and nothing else is touched", async () => {
  const page = await readFile(new URL("../../runbooks/recover-minor-corruption.md", import.meta.url), "utf8");
  const commands = [...page.matchAll(/^psql .*$/gm)].map(([command]) => command);
  expect(commands).toHaveLength(3);
  await symlink(new URL("../../runbooks", import.meta.url).pathname, join(folder, "runbooks"));
  const env = { PATH: `${server.binDir}:${process.env["PATH"]}`, TARGET_DATABASE_URL: copy?.postgresUrl };
  const run = async (command = "") =>
    (
      await promisify(execFile)("bash", ["-euc", command], {
        ...{ cwd: folder, env: { ...env, PROJECT_DATABASE_URL: project?.postgresUrl } },
      })
    ).stdout;

  const before = await rowsOf(project, exams);
  await withClient(project?.postgresUrl ?? "", async (client) => {
    await client.query("delete from public.exams where id in (12, 1)");
    await client.query("update public.exams set title = 'lost' where id in (13, 14)");
    // Later work, which has to stay.
    await client.query("update public.exams set subject = 'art' where id in (13, 15)");
  });
  const damaged = await rowsOf(project, exams);
  expect(await run(commands[0])).toMatch(/\b2\b/);

  const shown = await run(commands[1]);
  expect(shown).toMatch(/1 +\| +1 +\| +0\b/);
  expect(shown).toContain("Nothing was written");
  expect(await rowsOf(project, exams)).toEqual(damaged);

  expect(await run(commands[2])).toContain("Written");
  const expected = before
    .filter(({ row }) => row.id !== 1)
    .map(({ row }) => ({
      row: {
        ...row,
        ...(row.id === 14 && { title: "lost", words: 1 }),
        ...([13, 15].includes(row.id) && { subject: "art" }),
      },
    }));
  expect(await rowsOf(project, exams)).toEqual(expected);
});

test("a key of several columns with odd names works as well; without columns to put, rows that are there stay", async () => {
  await withClient(project?.postgresUrl ?? "", async (client) => {
    await client.query("delete from public.marks where student = 'b'");
    await client.query("update public.marks set mark = 0 where student = 'a'");
  });
  await psql(copy, "rows-out", { table: "public.marks", wanted: "true" });
  expect(await psql(project, "rows-back", { table: "public.marks", write: "yes" })).toMatch(/1 +\| +0 +\| +2\b/);
  expect(await rowsOf(project, 'select mark from public.marks order by "exam id", student')).toEqual(
    [0, 6, 0].map((mark) => ({ mark })),
  );
});

test("rows of another table, and a table without a primary key, are refused untouched", async () => {
  await psql(copy, "rows-out", { table: "public.marks", wanted: "true" });
  await expect(psql(project, "rows-back", { table: "public.exams", write: "yes" })).rejects.toThrow();
  await withClient(project?.postgresUrl ?? "", (client) =>
    client.query("create table public.keyless as table public.marks"),
  );
  await expect(psql(project, "rows-back", { table: "public.keyless", write: "yes" })).rejects.toThrow();
  expect(await rowsOf(project, "select count(*)::int from public.keyless")).toEqual([{ count: 3 }]);
});
