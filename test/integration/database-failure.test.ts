import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import incident from "../../actions/lib/operations/incident/operation.ts";
import recover from "../../actions/lib/operations/recover/operation.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { acquireLease } from "../../actions/lib/vault/lease/lease.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { execute, type LabProject, withClient } from "../lab/index.ts";
import type { RunningStorage } from "../lab/storage/index.ts";
import { addProject, type LabBacking, type Project, type SupabaseApi } from "../lab/supabase-api/index.ts";
import { recordingLog } from "./backup-lab.ts";
import { type FailureLab, openFailureLab } from "./failure-lab.ts";

/** A database really goes back to a moment, by its archived log, in a simulated Supabase; or it never does. */

let open: FailureLab;
let lab: LabProject;
let storage: RunningStorage;
let supabase: SupabaseApi;
let backing: LabBacking;
let production: Project;
/** Made before anything went wrong. */
let good: string;

beforeAll(async () => {
  open = await openFailureLab();
  ({ source: lab, storage, supabase, backing, production } = open);
  good = await open.backUp();
}, 240_000);
afterAll(() => open?.[Symbol.asyncDispose]());

async function recovered({ env, ...inputs }: Record<string, unknown> & { env?: Record<string, string> }) {
  const log = recordingLog();
  const read = recover.inputs.parse({
    scenario: "database-failure",
    ...(inputs["removeProject"] === undefined && { production: production.ref }),
    ...inputs,
  });
  recover.refuse?.(read);
  const told = await runOperation(recover, read, {
    env: { ...open.env, ...env },
    log,
    signal: new AbortController().signal,
  });
  const text = renderText(told.page ?? { title: "", sentence: "", tables: [] }).join("\n");
  return { told, text, lines: log.lines.join("\n") };
}

const rows = async (sql: string, url = lab.superuserUrl) =>
  (await withClient(url, (client) => client.query(sql))).rows as Record<string, unknown>[];
const counts = () =>
  rows(`select (select count(*)::int from public.exams) as exams, (select count(*)::int from auth.users) as users`);
const writes = () => supabase.requests.filter((request) => !request.startsWith("GET "));

const requests = () => writes().filter((request) => request.includes("restore-pitr")).length;

/** The policy of somebody who gives a recovery that never comes back a few seconds. */
async function impatient(): Promise<Record<string, string>> {
  const policy = JSON.parse(await readFile(open.env["LIFEBOAT_POLICY"] ?? "", "utf8"));
  const path = join(open.sets.folder, "impatient.json");
  const recovery = { ...policy.recovery, planBAfterMinutes: 0.1 };
  await writeFile(path, JSON.stringify({ ...policy, recovery }));
  return { LIFEBOAT_POLICY: path };
}

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

describe("before anything is touched", () => {
  test.each([
    [{ at: "2026-11-29T14:05:00" }, "time-offset"],
    [{ at: "2099-01-01T00:00:00Z" }, "time-future"],
    [{ at: "2020-01-01T00:00:00Z" }, "time-before-window"],
    [{ at: "2026-11-29T14:05:00Z", production: undefined }, "target-is-production"],
    [{ at: "2026-11-29T14:05:00Z", production: "zzzzzzzzzzzzzzzzzzzz" }, "target-is-production"],
    [{ at: undefined }, "usage"],
    [{ at: "2026-11-29T14:05:00Z", askedAt: "2026-11-29T14:04:00Z" }, "usage"],
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
    const at = await open.moment();
    // The accident: rows, and a file with its bytes.
    await execute(lab.superuserUrl, "truncate public.exams cascade");
    const [file] = await rows("select bucket_id as bucket, name from storage.objects order by name limit 1");
    await storage
      .client()
      .send(new DeleteObjectCommand({ Bucket: String(file?.["bucket"]), Key: String(file?.["name"]) }));
    await open.sentinel();

    const { told, text, lines } = await recovered({ at, planB: "start" });
    expect(told.failure, `${text}\n${lines}`).toBeUndefined();
    expect(told.result).toMatchObject({ outcome: "recovered", known: { verdict: "proven", accepted: true } });
    expect(await counts()).toEqual(before);
    expect(text).toContain("proven from inside");
    expect(text).toContain("1 brought back");
    // The seed's rows that never had any bytes: no loss of this recovery's.
    expect(text).toMatch(/\d+ had none before the moment either/);
    expect(lines).toContain("From inside: all of it is proven.");
    // The set that was made of the damage is marked: it never counts as the good one.
    const known = (told.result as { known: { set: string; incident: string } }).known;
    expect(known.set).not.toBe(good);
    expect(lines).toContain("What Supabase's status page says is not known");
    expect(requests()).toBe(1);
    // The project that was begun beside it has lost: shut off, and not removed.
    const [lost] = open.made();
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
    expect(await open.backUp()).not.toBe(good);
    at = await open.moment();
    hang();
    const askedAt = new Date().toISOString();
    await askByHand(Date.parse(at) / 1000);
    const sent = requests();
    const { told, text } = await recovered({ at, askedAt, env: await impatient() });
    expect(told.failure).toMatchObject({ code: "recovery-not-back" });
    expect(told.result).toMatchObject({ outcome: "decision", cause: "not-back" });
    expect(text).toMatch(/plan B +\d+ minutes .*--plan-b start makes a new project beside it from set/);
    expect(text).toContain(good);
    expect(text).toMatch(/by hand +nothing of before the moment +supabase.com\/dashboard/);
    expect(requests()).toBe(sent);
  }, 300_000);

  test("somebody who runs it too changes nothing of what is being worked at", async () => {
    const states = async () => (await versionsBelow(open.sets.vault.transport, "recoveries/")).length;
    await using _lease = await acquireLease(open.sets.vault, "recover", { holder: "a colleague" });
    const before = await states();
    await expect(recovered({ at, noSetBecause: "this is a test" })).rejects.toMatchObject({ code: "lease-held" });
    expect(await states()).toBe(before);
  });

  test("plan B, begun when somebody says so, brings the newest set into a new project, and shuts the old one off", async () => {
    const sent = requests();
    const { told, text, lines } = await recovered({ at, noSetBecause: "this is a test", planB: "start" });
    expect(told.failure, `${text}\n${lines}`).toBeUndefined();
    const [, made, ...more] = open.made();
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

describe("the project of plan B that has lost", () => {
  const remove = (removeProject: string, more: Record<string, unknown> = {}) => recovered({ removeProject, ...more });
  const deletions = () => writes().filter((request) => request.startsWith("DELETE "));
  let loser: Project;
  let winner: Project;

  test("stays while the incident is on", async () => {
    const [first, second] = open.made();
    if (first === undefined || second === undefined) throw new Error("There are not two projects.");
    [loser, winner] = [first, second];
    await expect(remove(loser.ref)).rejects.toMatchObject({ code: "incident-on" });
    const told = { env: open.env, log: recordingLog(), signal: new AbortController().signal };
    const ends = incident.inputs.parse({ action: "end", reason: "it is over" });
    expect((await runOperation(incident, ends, told)).failure).toBeUndefined();
  });

  test("is the only one that is removed: not production, what serves, or somebody else's", async () => {
    const others = addProject(supabase.world, { name: loser.name, region: loser.region });
    await expect(remove(production.ref)).rejects.toMatchObject({
      code: "target-is-production",
      next: expect.stringContaining("deletes its backups"),
    });
    for (const ref of [winner.ref, others.ref, "zzzzzzzzzzzzzzzzzzzz"])
      await expect(remove(ref)).rejects.toMatchObject({ code: "project-other" });
    // Once the new project is production, the old one is no more than another project, with its backups.
    const moved = { SUPABASE_PROJECT_REF: winner.ref };
    await expect(remove(production.ref, { env: moved })).rejects.toMatchObject({ code: "project-other" });
    expect(deletions()).toEqual([]);
    supabase.world.projects.delete(others.ref);
  });

  test("stays when it is not shut off, or is not called as this recovery has called it", async () => {
    const { name, network } = loser;
    loser.network = { v4: ["0.0.0.0/0"], v6: [] };
    await expect(remove(loser.ref)).rejects.toMatchObject({ code: "fence-open" });
    Object.assign(loser, { network, name: "somebody's" });
    await expect(remove(loser.ref)).rejects.toMatchObject({ code: "project-other" });
    Object.assign(loser, { name });
    expect((await remove(loser.ref, { dryRun: true })).text).toContain("would be removed. Nothing was");
    expect(deletions()).toEqual([]);
  });

  test("is removed when somebody says so, also when the answer is lost, and once", async () => {
    supabase.world.faults.inject({ kind: "lost", on: /^DELETE /, times: 1 });
    expect((await remove(loser.ref)).text).toContain(`${loser.ref}, which plan B`);
    expect([...supabase.world.projects.keys()].sort()).toEqual([production.ref, winner.ref].sort());
    const sent = deletions().length;
    expect((await remove(loser.ref)).text).toContain(`Project ${loser.ref} was removed at`);
    expect(deletions()).toHaveLength(sent);
  });
});
