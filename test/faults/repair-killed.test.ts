import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Change, ListedTable } from "../../actions/lib/operations/repair/change-list.ts";
import { type BackupLab, openBackupLab } from "../integration/backup-lab.ts";
import { openRepairLab, type RepairLab, rowsOf } from "../integration/repair-lab.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { compileCache } from "../runner/compile-cache.ts";
import { killLimit, nightly } from "./table/kills.ts";

const runner = fileURLToPath(new URL("repair-runner.ts", import.meta.url));
const server = () => sharedPostgres(17).superuserUrl();
let lab: BackupLab;
let repairs: RepairLab;
let project: LabProject;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  repairs = await openRepairLab(lab);
  project = await createProject(server(), "repair_killed");
  await execute(project.postgresUrl, "create table public.t (id int primary key, v text, w int unique)");
});
afterAll(async () => {
  await dropProject(server(), "repair_killed");
  await lab[Symbol.asyncDispose]();
});

const t: ListedTable = { schema: "public", name: "t", columns: ["id", "v", "w"], key: ["id"] };
const changes: Change[] = [
  ...Array.from(
    { length: 200 },
    (_, at): Change => ({ t: 0, op: "update", key: [String(at + 1)], columns: [1], before: ["bad"], after: ["good"] }),
  ),
  { t: 0, op: "delete", before: ["201", "bad", "201"] },
  { t: 0, op: "insert", after: ["301", "good", "301"] },
];

async function run(plan: string, kill = ""): Promise<{ calls: string[]; signal: unknown }> {
  const env = {
    ...{ ...compileCache, ...lab.env(project.postgresUrl), RESTORE_PRIVATE_KEY: lab.operations.key.armor() },
    ...{ REPAIR_URL: project.postgresUrl, REPAIR_PLAN: plan, REPAIR_KILL: kill },
  };
  const child = spawn(process.execPath, [runner], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [out, [, signal]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return { calls: out === "" ? [] : JSON.parse(out), signal };
}

const rows = () => rowsOf(project.postgresUrl, "public.t");
const damage = () =>
  execute(
    project.postgresUrl,
    "truncate public.t; insert into public.t select n, 'bad', n from generate_series(1, 201) n",
  );

/** The server's processes of a killed run end when what they were doing is done: until then it is under way. */
async function isOver(): Promise<void> {
  const left =
    "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
  await withClient(project.postgresUrl, async (client) => {
    while (((await client.query(left)).rowCount ?? 0) > 0) await delay(20);
  });
}

test("killed before, in and after its transaction, a repair is whole or nothing, and the next run says which", {
  timeout: killLimit(60),
}, async () => {
  await damage();
  const damaged = await rows();
  const { calls } = await run(await repairs.plan([t], changes));
  const repaired = await rows();
  expect(repaired).not.toEqual(damaged);
  // Every call from the undo on is a moment of its own; of those before, some.
  const last = calls.lastIndexOf("close lifeboat_sums");
  const late = calls.flatMap((_, at) => (at >= last ? [at + 1] : []));
  const early = calls.flatMap((_, at) => (at < last && (nightly || at % Math.ceil(last / 8) === 3) ? [at + 1] : []));
  const moments = [
    ...early.map((at) => `${at} sent`),
    ...late.flatMap((at) =>
      /^commit/.test(calls[at - 1] ?? "")
        ? ["before", "sent", "answered"].map((when) => `${at} ${when}`)
        : [`${at} before`],
    ),
  ];
  expect(moments.length).toBeGreaterThanOrEqual(30);
  const seen = { committed: 0, nothing: 0 };
  for (const moment of moments) {
    await damage();
    const plan = await repairs.plan([t], changes);
    expect((await run(plan, moment)).signal).toBe("SIGKILL");
    await isOver();
    const next = await repairs.apply(project.postgresUrl, plan).catch((error: unknown) => error);
    if (next instanceof Error) {
      expect(next).toMatchObject({ code: "plan-applied" });
      seen.committed++;
    } else {
      expect(next).toMatchObject({ transactions: [expect.any(String)] });
      for (const { fate } of (next as { settled: { fate: string }[] }).settled) expect(fate).toBe("rolled-back");
      seen.nothing++;
    }
    expect(await rows()).toEqual(repaired);
    if (seen.committed !== 1 || !(next instanceof Error)) continue;
    // Its undo was there before the commit, and takes back what the killed run has written.
    await repairs.undo(project.postgresUrl, plan);
    expect(await rows()).toEqual(damaged);
  }
  expect(seen.committed).toBeGreaterThan(2);
  expect(seen.nothing).toBeGreaterThan(10);
});
