import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { LikelyDifference } from "../../actions/lib/operations/prove/likely.ts";
import { comparisonPage, comparisonSentence } from "../../actions/lib/operations/prove/page.ts";
import { type ProveResult, runProve } from "../../actions/lib/operations/prove/run-prove.ts";
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

const ours = `
  create table public.orders (id bigserial primary key, what text not null, created_at timestamptz not null default now(),
    updated_at timestamptz not null default now());
  insert into public.orders (what) select 'order ' || n from generate_series(1, 50) n;
  create table public.plain (id serial primary key, what text);
  insert into public.plain (what) select 'plain ' || n from generate_series(1, 20) n;
  alter table public.orders enable row level security;
  create policy own on public.orders to authenticated using (true)`;

const sentinels = readFileSync(new URL("../../runbooks/sql/sentinels.sql", import.meta.url), "utf8");

const superuser = () => sharedPostgres(17).superuserUrl();
const made: string[] = [];
let lab: BackupLab;
let source: LabProject;
let restored: LabProject;

async function another(original?: LabProject): Promise<LabProject> {
  const name = `prove_${process.pid}_${made.length}`;
  made.push(name);
  return original === undefined ? createProject(superuser(), name) : copyProject(original, name);
}

async function prove(targetUrl: string, env: Record<string, string> = {}): Promise<ProveResult> {
  const config = await loadConfig({
    needs: ["vault", "opening", "target"],
    env: {
      ...lab.env("postgres://nobody@127.0.0.1/unused"),
      RESTORE_PRIVATE_KEY: lab.operations.key.armor(),
      ...{ TARGET_DATABASE_URL: targetUrl, ...env },
    },
  });
  return runProve({ config, ref: "latest", log: silentLog });
}

const lines = (differences: readonly LikelyDifference[]): string[] =>
  differences
    .filter(({ verdict }) => verdict !== "expected")
    .map(
      ({ likely, kind, identity, aspect, why }) => `${likely ?? "unverified"}: ${kind} ${identity}: ${aspect}: ${why}`,
    );

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  source = await another();
  await seedQimma(source.postgresUrl, { bytes: 500_000, seed: 21, superuserUrl: source.superuserUrl });
  await execute(source.postgresUrl, ours);
  await execute(source.postgresUrl, sentinels);
  await backUp(lab, source.backupUrl);
  restored = await another();
  const result = await restoreInto(lab, restored.postgresUrl);
  expect(told(result, "failed")).toEqual([]);
});
afterAll(async () => {
  for (const name of made) await dropProject(superuser(), name);
  await lab[Symbol.asyncDispose]();
});

describe("a comparison with a set says equal", () => {
  test("of what a restore has just called equal, by the role that restored and by one that may only read", async () => {
    for (const url of [restored.postgresUrl, restored.backupUrl]) {
      const result = await prove(url);
      expect(lines(result.differences)).toEqual([]);
      expect(result.outcome).toBe("equal");
      expect(comparisonSentence(result)).toMatch(/ is equal to set .*: \d+ objects/);
    }
  });

  test("of the project that the set was made of", async () => {
    const result = await prove(source.postgresUrl);
    expect(lines(result.differences)).toEqual([]);
    expect(result.outcome).toBe("equal");
  });

  test("when a trigger that the restore had switched off is on again", async () => {
    const target = await another(restored);
    await execute(target.superuserUrl, "alter table public.exams enable trigger exam_webhook");
    expect((await prove(target.postgresUrl)).outcome).toBe("equal");
  });
});

describe("the sentinels", () => {
  test("of a project in use go on, which is told and is no difference", async () => {
    const target = await another(source);
    await execute(
      target.superuserUrl,
      `insert into lifeboat.sentinels values (now() - interval '1 minute', 1), (now() - interval '2 minutes', 1);
       insert into cron.job_run_details (jobid, username, start_time)
         select jobid, 'postgres', now() from cron.job where jobname = 'lifeboat-sentinel'`,
    );
    const result = await prove(target.postgresUrl);
    expect(lines(result.differences)).toEqual([]);
    expect(result.outcome).toBe("equal");
    expect(result.differences.filter(({ identity }) => identity === "lifeboat.sentinels")).toMatchObject([
      { aspect: "rows", verdict: "expected", why: expect.stringContaining("prove nothing of another") },
    ]);
  });

  test("of another server are not in a copy, whose own begin when they are switched on", async () => {
    const copy = await another(restored);
    const state = () =>
      withClient(copy.superuserUrl, async (client) => {
        const { rows } = await client.query(
          `select (select count(*)::int from lifeboat.sentinels) as rows,
                  (select array_agg(active) from cron.job where jobname = 'lifeboat-sentinel') as active`,
        );
        return rows[0] as unknown;
      });
    expect(await state()).toEqual({ rows: 0, active: [false] });
    await execute(copy.postgresUrl, sentinels);
    expect(await state()).toEqual({ rows: 1, active: [true] });
  });
});

test("of a project in use it tells work that went on from what may be damage", async () => {
  const target = await another(restored);
  await execute(
    target.superuserUrl,
    `insert into public.orders (what) values ('a new one'), ('another new one');
     create table public.newer (id int);
     insert into public.plain (what) values ('newer')`,
  );
  const result = await prove(target.postgresUrl);
  expect(result.outcome).toBe("differs");
  expect(lines(result.differences).sort()).toEqual([
    expect.stringMatching(/^changed: sequence public\.orders_id_seq: value: numbers were drawn/),
    expect.stringMatching(/^changed: sequence public\.plain_id_seq: value: numbers were drawn/),
    "changed: table public.newer: extra: made since the set",
    expect.stringMatching(
      /^changed: table public\.orders: rows: all 50 rows of the set are there unchanged, 2 came since/,
    ),
    expect.stringMatching(/^changed: table public\.plain: rows: 1 rows more than in the set/),
  ]);
  expect(comparisonPage(result).sentence).toMatch(/5 things of .* DIFFER .*: 0 may be damage, 5 changed since the set/);
});

test.each([
  [
    "a deleted row",
    "delete from public.orders where id = 7",
    /^damage: table public\.orders: rows: 1 rows of the set are gone/,
  ],
  [
    "a row changed behind the application's back",
    "update public.orders set what = 'x' where id = 7",
    /^damage: .*none says/,
  ],
  [
    "a row that says it was changed",
    "update public.orders set what = 'x', updated_at = now() where id = 7",
    /^changed: table public\.orders: rows: 1 rows of the set say that they were changed/,
  ],
  [
    "a changed row of a table without times",
    "update public.plain set what = 'x' where id = 7",
    /^untold: table public\.plain/,
  ],
  [
    "rows of a table without times gone",
    "delete from public.plain where id < 5",
    /^damage: .* 4 rows of the set are gone/,
  ],
  ["a dropped policy", "drop policy own on public.orders", /^damage: policy own on public\.orders: missing/],
  [
    "a policy for strangers",
    "create policy all_of_it on public.orders to anon using (true)",
    /^damage: policy all_of_it .*extra/,
  ],
  [
    "a right for everybody",
    "grant select on public.plain to public",
    /^damage: table public\.plain: grants: strangers may do more/,
  ],
  [
    "a lowered sequence",
    "select setval('public.plain_id_seq', 3)",
    /^damage: sequence public\.plain_id_seq: value: numbers/,
  ],
  [
    "row level security off",
    "alter table public.orders disable row level security",
    /^damage: table public\.orders: definition: row level security/,
  ],
  ["a job that does something else", "update cron.job set command = 'select 2'", /table cron\.job: rows/],
  ["a file's row gone", "delete from storage.buckets", /^damage: table storage\.buckets: rows/],
])("it names %s", async (_what, damage, expected) => {
  const target = await another(restored);
  await execute(
    target.superuserUrl,
    `set session_replication_role = replica; set storage.allow_delete_query = 'true'; ${damage}`,
  );
  const result = await prove(target.postgresUrl);
  expect(result.outcome).toBe("differs");
  const found = lines(result.differences);
  expect(
    found.filter((line) => expected.test(line)),
    found.join("\n"),
  ).toHaveLength(1);
});
