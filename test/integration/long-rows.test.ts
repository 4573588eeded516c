import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";

/** The first row has 200 MB as COPY writes it: each backslash and line end of it twice. */
const contents = String.raw`
  create table public.long (id int primary key, words text, bytes bytea);
  insert into public.long values
    (1, repeat(E'\\.\n\\N\t', 20000000), null),
    (2, E'\\.', decode(repeat('00ff5c2e', 2500000), 'hex')),
    (3, 'short', '\x5c2e0a');`;
const sums =
  "select id, length(words) as words, md5(words) as text, length(bytes) as bytes, md5(bytes) as hash from public.long order by id";
const program = new URL("../../scripts/lifeboat.mjs", import.meta.url).pathname;
const tellMemory = `data:text/javascript,process.on("exit",()=>console.error("KiB:"+process.resourceUsage().maxRSS))`;

const superuser = () => sharedPostgres(17).superuserUrl();
let lab: BackupLab;
let source: LabProject;
let target: LabProject;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  source = await createProject(superuser(), `long_rows_${process.pid}`);
  target = await createProject(superuser(), `long_rows_target_${process.pid}`);
  await execute(source.postgresUrl, contents);
});
afterAll(async () => {
  for (const project of [source, target]) if (project !== undefined) await dropProject(superuser(), project.name);
  await lab?.[Symbol.asyncDispose]();
});

/** The most memory that a command has had, in bytes. @throws when it does not end well */
async function memoryOf(...args: string[]): Promise<number> {
  const env = {
    ...lab.env(source.backupUrl),
    ...{ RESTORE_PRIVATE_KEY: lab.operations.key.armor(), TARGET_DATABASE_URL: target.postgresUrl },
  };
  const { stderr } = await promisify(execFile)(process.execPath, ["--import", tellMemory, program, ...args], { env });
  return Number(/KiB:(\d+)/.exec(stderr)?.[1]) * 1024;
}

test("rows of 200 MB are backed up, exported, found whole and restored, and held at most once by each of two readers", async () => {
  // A hash begins with the length of what it is made of, so a row is held until its end (hashfn.c, hash_bytes_extended).
  const most = 2 * 200e6 + 256e6;
  for (const command of [
    ["backup", "--tier", "weekly"],
    ["verify", "latest", "--deep"],
    ["restore", "latest"],
  ]) {
    expect(await memoryOf(...command), command.join(" ")).toBeLessThan(most);
  }
  const [there, here] = await Promise.all(
    [source, target].map(({ superuserUrl }) =>
      withClient(superuserUrl, async (client) => (await client.query(sums)).rows),
    ),
  );
  expect(here).toEqual(there);
}, 600_000);
