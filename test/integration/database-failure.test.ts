import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import recover from "../../actions/lib/operations/recover/operation.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { acquireLease } from "../../actions/lib/vault/lease/lease.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { createProject, execute, LAB_PASSWORD, type LabProject, seedQimma, withClient } from "../lab/index.ts";
import { type ArchivedPostgres, startArchivedPostgres } from "../lab/servers/archived-postgres.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type RunningStorage, seedFiles, startStorage, storageSettings } from "../lab/storage/index.ts";
import {
  addProject,
  backByLab,
  type LabBacking,
  type Project,
  type SupabaseApi,
  startSupabaseApi,
} from "../lab/supabase-api/index.ts";
import { type BackupLab, openBackupLab, recordingLog } from "./backup-lab.ts";

/** A database really goes back to a moment, by its archived log, in a simulated Supabase; or it never does. */

const region = "us-east-1";
const closing = new AsyncDisposableStack();
let sets: BackupLab;
let archive: ArchivedPostgres;
let lab: LabProject;
let storage: RunningStorage;
let supabase: SupabaseApi;
let backing: LabBacking;
let production: Project;
let env: Record<string, string>;
/** Made before anything went wrong. */
let good: string;

beforeAll(async () => {
  sets = closing.use(
    await openBackupLab(sharedS3(), {
      policy: (policy) => ({ ...policy, recovery: { organization: "org", region, planBAfterMinutes: 0.9 } }),
    }),
  );
  const filesBucket = `${sets.bucket}-files`;
  await sharedS3().createBucket(filesBucket);
  archive = closing.use(await startArchivedPostgres(17));
  lab = await createProject(archive.running.superuserUrl(), "production");
  await seedQimma(lab.postgresUrl, { bytes: 200_000, seed: 5 });
  const files = await mkdtemp(join(tmpdir(), "lifeboat-files-"));
  closing.defer(() => rm(files, { recursive: true, force: true }));
  storage = closing.use(await startStorage(lab, { folder: files }));
  await seedFiles(lab, storage, { count: 20, bytes: 100_000, seed: 4 });
  await execute(lab.postgresUrl, `select cron.schedule('nightly', '0 3 * * *', 'select 1')`);

  const others: RunningPostgres = await startPostgres(17);
  closing.defer(() => others.stop());
  supabase = closing.use(await startSupabaseApi({ pace: 20 }));
  supabase.world.limit = 100_000;
  backing = await backByLab(supabase.world, others.superuserUrl());
  production = addProject(supabase.world, { name: "production", region, createdAt: Date.now() - 3_600_000 });
  Object.assign(production.addons, { compute: "ci_small", pitr: "pitr_7" });
  await backing.adopt(production, lab, { archive, files });
  const { host, port } = await backing.address(production);
  env = {
    ...sets.env(`postgresql://lifeboat_backup.${production.ref}:${LAB_PASSWORD}@${host}:${port}/postgres`),
    ...storageSettings(storage),
    ...{ S3_STORAGE_BUCKET: filesBucket, RESTORE_PRIVATE_KEY: sets.operations.key.armor() },
    ...{ SUPABASE_PROJECT_REF: production.ref, SUPABASE_ACCESS_TOKEN: supabase.token },
    ...{ SUPABASE_API_URL: supabase.url, SUPABASE_PROJECT_URL: supabase.projectUrl },
    ...{ SUPABASE_STATUS_URL: "http://127.0.0.1:1", XDG_STATE_HOME: sets.folder },
  };
  const sentinels = new URL("../../runbooks/sql/sentinels.sql", import.meta.url);
  await execute(lab.postgresUrl, await readFile(sentinels, "utf8"));
  await archive.keepBase();
  good = await backUp();
}, 240_000);
afterAll(() => closing.disposeAsync());

async function backUp(): Promise<string> {
  const needs = ["source", "vault", "storageVault", "sourceStorage", "signing"] as const;
  const config = await loadConfig({ needs, env });
  const log = recordingLog();
  return (await runBackup({ config, tier: "daily", log, files: { config, log } })).set;
}

async function recovered(inputs: Record<string, unknown>) {
  const log = recordingLog();
  const read = recover.inputs.parse({ scenario: "database-failure", production: production.ref, ...inputs });
  recover.refuse?.(read);
  const told = await runOperation(recover, read, { env, log, signal: new AbortController().signal });
  const text = renderText(told.page ?? { title: "", sentence: "", tables: [] }).join("\n");
  return { told, text, lines: log.lines.join("\n") };
}

const rows = async (sql: string, url = lab.superuserUrl) =>
  (await withClient(url, (client) => client.query(sql))).rows as Record<string, unknown>[];
const counts = () =>
  rows(`select (select count(*)::int from public.exams) as exams, (select count(*)::int from auth.users) as users`);
/** As cron does each minute. */
const sentinel = () => execute(lab.postgresUrl, "select lifeboat.write_sentinel()");
const writes = () => supabase.requests.filter((request) => !request.startsWith("GET "));

/** That recoveries have made, oldest first. */
const others = () => [...supabase.world.projects.values()].filter(({ ref }) => ref !== production.ref);
const requests = () => writes().filter((request) => request.includes("restore-pitr")).length;

/** As the dashboard does, as soon as the moment can be reached. */
async function askByHand(unix: number): Promise<void> {
  for (let status = 0; status !== 201; await sleep(500)) {
    const answer = await fetch(`${supabase.url}/v1/projects/${production.ref}/database/backups/restore-pitr`, {
      method: "POST",
      headers: { authorization: `Bearer ${supabase.token}`, "content-type": "application/json" },
      body: JSON.stringify({ recovery_time_target_unix: unix }),
    });
    status = answer.status;
  }
}

/** A moment, with a sentinel on each side. */
async function moment(): Promise<string> {
  await sentinel();
  await sleep(1200);
  const at = new Date(Math.floor(Date.now() / 1000) * 1000);
  await sleep(1200);
  return at.toISOString().replace(".000Z", "Z");
}

describe("before anything is touched", () => {
  test.each([
    [{ at: "2026-11-29T14:05:00" }, "time-offset"],
    [{ at: "2099-01-01T00:00:00Z" }, "time-future"],
    [{ at: "2020-01-01T00:00:00Z" }, "time-before-window"],
    [{ at: "2026-11-29T14:05:00Z", production: undefined }, "target-is-production"],
    [{ at: "2026-11-29T14:05:00Z", production: "zzzzzzzzzzzzzzzzzzzz" }, "target-is-production"],
    [{ at: undefined }, "usage"],
    [{ at: "2026-11-29T14:05:00Z", set: "20261129T000000Z-00000000" }, "usage"],
  ])("%j is refused: %s", async (inputs, code) => {
    await expect(recovered(inputs)).rejects.toMatchObject({ code });
    expect(writes()).toEqual([]);
  });

  test("a rehearsal says what would be done and changes nothing", async () => {
    const at = new Date(Math.floor(Date.now() / 1000) * 1000 - 60_000).toISOString();
    const { told, text } = await recovered({ at, dryRun: true });
    expect(told.result).toMatchObject({ outcome: "rehearsed" });
    expect(text).toContain("ask for the recovery");
    expect(writes()).toEqual([]);
  });
});

describe("a database that is taken back to a moment", () => {
  test("is proven from inside, files that were removed since come back from the vault, and plan B beside it ends", async () => {
    // A project that takes minutes to come up: the database is back before.
    supabase.world.creationOrders.push({ ends: "healthy", seconds: 6000 });
    const before = await counts();
    const at = await moment();
    // The accident: rows, and a file with its bytes.
    await execute(lab.superuserUrl, "truncate public.exams cascade");
    const [file] = await rows("select bucket_id as bucket, name from storage.objects order by name limit 1");
    await storage
      .client()
      .send(new DeleteObjectCommand({ Bucket: String(file?.["bucket"]), Key: String(file?.["name"]) }));
    await sentinel();

    const { told, text, lines } = await recovered({ at, planB: "start" });
    expect(told.failure, `${text}\n${lines}`).toBeUndefined();
    expect(told.result).toMatchObject({ outcome: "recovered", known: { verdict: "proven", accepted: true } });
    expect(await counts()).toEqual(before);
    expect(text).toContain("proven from inside");
    expect(text).toContain("1 brought back");
    // The set that was made of the damage is marked: it never counts as the good one.
    const known = (told.result as { known: { set: string; incident: string } }).known;
    expect(known.set).not.toBe(good);
    expect(lines).toContain("What Supabase's status page says is not known");
    expect(requests()).toBe(1);
    // The project that was begun beside it has lost: shut off, and not removed.
    const [lost] = others();
    expect(lost?.network).toEqual({ v4: ["192.0.2.1/32"], v6: [] });
    expect(text).toContain(`its project ${lost?.ref} is shut off`);
    // Once more by mistake would undo what was done since.
    await expect(recovered({ at })).rejects.toMatchObject({ code: "recovery-done", exitCode: 2 });
    expect(requests()).toBe(1);
  }, 300_000);
});

describe("a recovery that never comes back", () => {
  const hang = () => supabase.world.restoreOrders.push({ ends: "hangs" });
  /** As it was when the set was made that comes back. */
  let wanted: Record<string, unknown>[];
  let at: string;

  test("asked for by hand, it is waited for, and put to a person with every way that is left and what it loses", async () => {
    wanted = await counts();
    // Made under the mark of the incident that is still on: it is no good one.
    expect(await backUp()).not.toBe(good);
    at = await moment();
    hang();
    const askedAt = new Date().toISOString();
    await askByHand(Date.parse(at) / 1000);
    const sent = requests();
    const { told, text } = await recovered({ at, askedAt });
    expect(told.failure).toMatchObject({ code: "recovery-not-back" });
    expect(told.result).toMatchObject({ outcome: "decision", cause: "not-back" });
    expect(text).toMatch(/plan B +\d+ minutes .*--plan-b start makes a new project beside it from set/);
    expect(text).toContain(good);
    expect(text).toMatch(/by hand +nothing of before the moment +supabase.com\/dashboard/);
    expect(requests()).toBe(sent);
  }, 300_000);

  test("somebody who runs it too changes nothing of what is being worked at", async () => {
    const states = async () => (await versionsBelow(sets.vault.transport, "recoveries/")).length;
    await using _lease = await acquireLease(sets.vault, "recover", { holder: "a colleague" });
    const before = await states();
    await expect(recovered({ at, noSetBecause: "this is a test" })).rejects.toMatchObject({ code: "lease-held" });
    expect(await states()).toBe(before);
  });

  test("plan B, begun when somebody says so, brings the newest set into a new project, and shuts the old one off", async () => {
    const sent = requests();
    const { told, text, lines } = await recovered({ at, noSetBecause: "this is a test", planB: "start" });
    expect(told.failure, `${text}\n${lines}`).toBeUndefined();
    const [, made, ...more] = others();
    expect(more).toEqual([]);
    if (made === undefined) throw new Error("There is no new project.");
    expect(
      await rows(
        `select (select count(*)::int from public.exams) as exams, (select count(*)::int from auth.users) as users`,
        backing.lab(made.ref).superuserUrl,
      ),
    ).toEqual(wanted);
    expect(told.result).toMatchObject({
      planB: { set: good, restored: { outcome: "equal", files: { outcome: "equal" } } },
    });
    // It was asked for once, before: nobody asks again for what hangs.
    expect(requests()).toBe(sent);
    // The old one lets nobody in any more, is still there, and what speaks from inside is named.
    expect(production.network).toEqual({ v4: ["192.0.2.1/32"], v6: [] });
    expect(production.postgrest["db_schema"]).toBe("");
    expect(supabase.world.projects.has(production.ref)).toBe(true);
    expect(text).toMatch(/cron jobs and webhooks +OPEN/);
    expect(text).toContain("Should project");
  }, 600_000);
});
