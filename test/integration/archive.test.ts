import { execFile, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspectArchive } from "../../actions/lib/postgres/dump/archive/inspect.ts";
import { readArchive, type TocEntry } from "../../actions/lib/postgres/dump/archive/toc.ts";
import { createProject, dropProject, execute, type LabProject, seedQimma } from "../lab/index.ts";
import { type SharedPostgres, sharedPostgres } from "../lab/servers/started.ts";

const run = promisify(execFile);

const oddities = `
  create schema "Odd ""schema""; drop";
  create table "Odd ""schema""; drop"."t\\ab	le
two" (id int primary key, "col ""x""" text, doubled int generated always as (id * 2) stored);
  insert into "Odd ""schema""; drop"."t\\ab	le
two" select i, E'line\\nwith\\ttabs \\\\ and \\\\. \\r ' || i from generate_series(1, 1000) i;
  create table public.without_columns ();
  insert into public.without_columns default values;
  create table public.one_long_row (value text);
  insert into public.one_long_row values (repeat('x', 3000000));
  create table public.many_rows as select i as id, repeat(md5(i::text), 3) as value from generate_series(1, 50000) i;
  do $$ begin execute 'create function public.long_body() returns int language sql as $x$ select 1 -- '
    || repeat('z', 3000000) || E'\\n$x$'; end $$;
  create function public."multi
line"() returns int language plpgsql as $$
begin
  -- over
  return 1;
end $$;
`;

describe.each([15, 17] as const)("an archive that pg_dump %i writes into a pipe", (major) => {
  const name = `archive_${randomBytes(4).toString("hex")}`;
  let server: SharedPostgres;
  let project: LabProject;
  let folder: string;
  let file: string;

  beforeAll(async () => {
    server = sharedPostgres(major);
    project = await createProject(server.superuserUrl(), name);
    await seedQimma(project.postgresUrl, { bytes: 1_000_000, seed: 3 });
    await execute(project.superuserUrl, oddities);
    folder = await mkdtemp(join(tmpdir(), "archive-"));
    file = join(folder, "whole.dump");
    await run("bash", ["-c", `${program("pg_dump")} -Fc -Z0 "$URL" | cat > ${file}`], {
      env: { URL: project.superuserUrl },
    });
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await dropProject(server.superuserUrl(), name);
  });

  const program = (tool: string) => join(server.binDir, tool);

  /** As it comes out of the process, so in the pipe's own pieces. */
  const dumpStream = () =>
    spawn(program("pg_dump"), ["-Fc", "-Z0", project.superuserUrl], { stdio: ["ignore", "pipe", "ignore"] }).stdout;

  const listLine = ({ dumpId, tableOid, oid, desc, namespace, tag, owner }: TocEntry) =>
    `${dumpId}; ${tableOid} ${oid} ${desc} ${namespace ?? "-"} ${tag} ${owner}`.replaceAll(/[\r\n]/g, " ").trim();

  test("has the table of contents that pg_restore lists", async () => {
    const archive = await readArchive(dumpStream());
    const listed = execFileSync(program("pg_restore"), ["-l", file], { encoding: "utf8" });
    const lines = listed.split("\n").filter((line) => /^\d/.test(line));
    // What is no object of its own pg_restore does not list.
    const unlisted = new Set(["ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES"]);
    const own = archive.toc.filter(({ desc, tag }) => !unlisted.has(desc) && !tag.startsWith("DATABASE "));
    expect(own.length).toBeGreaterThan(200);
    expect(own.map(listLine)).toEqual(lines.map((line) => line.trim()));
    expect(archive.header).toMatchObject({ dbname: name, version: major === 15 ? "1.14" : "1.16" });
  });

  test("carries definitions of several megabytes and lines", async () => {
    const archive = await readArchive(dumpStream());
    const body = archive.toc.find(({ tag }) => tag === "long_body()");
    expect(body?.defn.length).toBeGreaterThan(3_000_000);
    expect(archive.toc.find(({ tag }) => tag.startsWith("multi"))).toMatchObject({
      ...{ desc: "FUNCTION", namespace: "public", section: "pre-data", hasData: false },
    });
  });

  test("passes an inspection byte for byte", async () => {
    const whole = await readFile(file);
    const source = async function* () {
      for (let at = 0; at < whole.length; at += 10_000) yield whole.subarray(at, at + 10_000);
    };
    const { stream, toc } = inspectArchive(source());
    expect(await digest(stream)).toBe(await digest([whole]));
    expect((await toc).length).toBe((await readArchive(source())).toc.length);
  });
});

async function digest(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}
