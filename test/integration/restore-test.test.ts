import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { PolicyInput } from "../../actions/lib/config/policy.ts";
import { defectKinds } from "../../actions/lib/restore-test/defect/defect.ts";
import { SeededChoice } from "../../actions/lib/restore-test/defect/random.ts";
import { provenBy } from "../../actions/lib/runtime/configured.ts";
import { signDetached } from "../../actions/lib/seal/signature.ts";
import { retentionOf } from "../../actions/lib/vault/lock.ts";
import { encodeProof, readProofs, writeProof } from "../../actions/lib/vault/proof-store.ts";
import { newestProven, provenSets } from "../../actions/lib/vault/proven.ts";
import { createProject, execute, type LabProject, PLANTED_EMAIL, seedQimma, withClient } from "../lab/index.ts";
import { type FakeManagementApi, startManagementApi } from "../lab/servers/management-api.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab, recordingLog } from "./backup-lab.ts";
import { isUntouched } from "./restore-lab.ts";
import { openRestoreTestLab, type RestoreTestLab, stagingRef } from "./restore-test-lab.ts";

let lab: BackupLab;
let source: LabProject;
let cluster: RunningPostgres;
let staging: LabProject;
let tests: RestoreTestLab;
let api: FakeManagementApi;
const log = recordingLog();
const sets: string[] = [];

const students = "select id from auth.users order by id limit 2";
const application: NonNullable<PolicyInput["restoreTest"]> & { checks: { name: string }[] } = {
  checks: [
    {
      kind: "sql",
      name: "every user has a profile",
      query: "select count(*) from auth.users u where not exists (select from public.users p where p.id = u.id)",
      expect: { value: 0 },
    },
    { kind: "sql", name: "there are exams", query: "select 1 from exams", expect: { rows: { min: 1 } } },
    {
      kind: "rls",
      name: "a student sees himself alone",
      query: "select id, full_name from public.users",
      people: students,
    },
    {
      kind: "command",
      name: "a program",
      argv: [process.execPath, "-e", "process.exit(process.env.STAGING_PROJECT_REF ? 0 : 1)"],
      env: ["STAGING_PROJECT_REF"],
    },
  ],
  performance: {
    runs: 5,
    minimumMs: 5000,
    queries: [{ name: "results", query: "select exam_id, avg(score) from student_submissions group by exam_id" }],
    lookups: [{ name: "one submission", table: "student_submissions", column: "id" }],
  },
};

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  source = await createProject(sharedPostgres(17).superuserUrl(), `tested_${process.pid}`);
  await seedQimma(source.postgresUrl, { bytes: 1_000_000, seed: 9 });
  sets.push((await backUp(lab, source.backupUrl, { tier: "weekly" })).set);
  sets.push((await backUp(lab, source.backupUrl)).set);
  cluster = await startPostgres(17);
  staging = await createProject(cluster.superuserUrl(), "staging");
  tests = openRestoreTestLab(lab, staging.postgresUrl, log);
  api = await startManagementApi(stagingRef);
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await cluster?.stop();
  await lab?.[Symbol.asyncDispose]();
});

/** Runs with a changed environment and puts it back. */
async function within<T>(change: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const before = { ...tests.env };
  Object.assign(tests.env, change);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(tests.env)) delete tests.env[name];
    Object.assign(tests.env, before);
  }
}

async function whatIsThere(): Promise<unknown> {
  return withClient(staging.superuserUrl, async (client) => {
    const own = await client.query(
      "select string_agg(tablename, ' ' order by tablename) as tables from pg_tables where schemaname = 'lifeboat_staging'",
    );
    expect(own.rows[0]?.tables).toBe("baseline marker");
    const found = await client.query(
      "select (select state from lifeboat_staging.marker) as state, (select count(*)::int from auth.users) as people, to_regclass('public.exams') is not null as exams",
    );
    return found.rows[0];
  });
}

describe("before it is marked, nothing is touched", () => {
  const gates: readonly [string, Record<string, string>, string][] = [
    ["when it bears no marker", {}, "staging-unmarked"],
    ["when the environment names another project", { STAGING_PROJECT_REF: "another" }, "staging-ref-differs"],
    ["when production has the same ref", { SUPABASE_PROJECT_REF: stagingRef }, "staging-is-production"],
  ];
  test.each(gates)("%s", async (_name, env, code) => {
    await within(env, () => expect(tests.run()).rejects.toMatchObject({ code, exitCode: 2 }));
    expect(await isUntouched(staging.superuserUrl)).toBe(true);
  });

  test("when DATABASE_URL leads to it, by whatever address", async () => {
    const other = new URL(staging.postgresUrl);
    other.hostname = "localhost";
    for (const url of [staging.postgresUrl, other.href]) {
      await within({ DATABASE_URL: url }, () =>
        expect(tests.mark()).rejects.toMatchObject({ code: "staging-is-production" }),
      );
    }
  });

  test("when the key is not the prover's", async () => {
    await within({ RESTORE_PRIVATE_KEY: lab.operations.key.armor() }, () =>
      expect(tests.run()).rejects.toMatchObject({ code: "prover-key" }),
    );
  });

  test("when another ref is typed, or the policy names none", async () => {
    await expect(tests.mark("production")).rejects.toMatchObject({ code: "usage" });
    tests.policy({ projectRef: null });
    await expect(tests.mark()).rejects.toMatchObject({ code: "staging-unset" });
    tests.policy({});
  });

  test("and a project that is in use cannot be marked", async () => {
    await execute(staging.postgresUrl, "create table public.in_use (n int)");
    await expect(tests.mark()).rejects.toMatchObject({
      code: "staging-not-empty",
      message: expect.stringContaining("public.in_use"),
    });
    await execute(staging.postgresUrl, "drop table public.in_use");
  });
});

describe("a marked project", () => {
  test("takes a set, proves it, and is empty afterwards", async () => {
    await tests.mark();
    tests.policy(application);
    const report = await tests.report();
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({ outcome: "proven", set: sets[1], turn: "newest", copy: { state: "wiped" } });
    expect(report.checks.map(({ name, outcome }) => `${name}: ${outcome}`)).toEqual(
      application.checks.map(({ name }) => `${name}: passed`),
    );
    expect(report.defect).toMatchObject({ outcome: "found", others: [] });
    expect(report.performance).toMatchObject([
      { verdict: "first" },
      { verdict: "first", indexes: ["student_submissions_pkey"] },
    ]);
    expect(report.stages.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["empty staging", "data", "prove", "application checks", "planted defect", "wipe"]),
    );
    expect(await whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
  });

  test("leaves a proof that the prover signed, locked, about the manifest's very bytes", async () => {
    const config = await loadConfig({ needs: [], env: tests.env });
    const verify = await provenBy(config);
    const newest = await newestProven(lab.vault, verify);
    expect(newest).toMatchObject({ set: sets[1], tier: "daily", proof: { outcome: "proven", turn: "newest" } });
    const { proofs, refused } = await readProofs(lab.vault, verify);
    expect(refused).toEqual([]);
    expect(proofs[0]?.signedBy.fingerprint).toBe(lab.prover.fingerprint);
    expect(await retentionOf(lab.vault, proofs[0]?.key ?? "")).toMatchObject({ mode: "GOVERNANCE" });
    expect(JSON.stringify(proofs)).not.toContain(PLANTED_EMAIL);
  });

  test("takes a lost row out of staging with everything else, whatever the seed damages", async () => {
    const seed = Array.from({ length: 1000 }, (_, at) => at.toString(16).padStart(8, "0")).find(
      (one) => new SeededChoice(one).shuffled(defectKinds)[0] === "lost row",
    );
    const report = await tests.report({ set: "latest", seed });
    expect(report.defect).toMatchObject({ kind: "lost row", outcome: "found" });
    expect(await whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
  });

  test("does nothing when the month has its proof", async () => {
    expect(await tests.run({ oncePerMonth: true })).toMatchObject({ outcome: "nothing-to-do", set: sets[1] });
  });

  test("takes an older set next, compares its speed with the last, and repeats a defect by its seed", async () => {
    const [first, second] = [
      await tests.report({ seed: "00c0ffee" }),
      await tests.report({ set: sets[0], seed: "00c0ffee" }),
    ];
    expect(first).toMatchObject({ outcome: "proven", turn: "older", set: sets[0] });
    expect(first.performance).toMatchObject([{ verdict: "as-before" }, { verdict: "as-before", unusedIndexes: [] }]);
    expect(second.turn).toBe("named");
    expect(second.defect).toEqual(first.defect);
    const config = await loadConfig({ needs: [], env: tests.env });
    expect((await provenSets(lab.vault, await provenBy(config))).map(({ set }) => set)).toEqual([sets[1], sets[0]]);
  });

  test("a set whose application checks fail is not proven, and what each found is told without its values", async () => {
    tests.policy({
      checks: [
        { kind: "sql", name: "wrong", query: "select email from auth.users limit 1", expect: { value: "nobody" } },
        { kind: "sql", name: "slow", query: "select pg_sleep(60)", expect: { rows: 1 }, timeoutSeconds: 0.2 },
        { kind: "sql", name: "writes", query: "delete from public.exams returning 1", expect: { rows: 1 } },
        {
          kind: "rls",
          name: "everybody sees all",
          query: "select id from auth.users",
          people: students,
          expect: { between: "same" },
        },
        { kind: "rls", name: "nobody to ask", query: "select 1", people: "select 1 where false" },
        { kind: "http", name: "no address", path: "/rest/v1/" },
        { kind: "command", name: "hangs", argv: ["sleep", "60"], timeoutSeconds: 0.2 },
        { kind: "command", name: "is not there", argv: ["/no/such/program"] },
      ],
    });
    const report = await tests.report();
    expect(report.outcome).toBe("failed");
    expect(report.checks.map(({ name, outcome }) => [name, outcome])).toEqual([
      ["wrong", "failed"],
      ["slow", "timed-out"],
      ["writes", "failed"],
      ["everybody sees all", "failed"],
      ["nobody to ask", "failed"],
      ["no address", "not-run"],
      ["hangs", "timed-out"],
      ["is not there", "failed"],
    ]);
    expect(JSON.stringify(report)).not.toMatch(/@qimma\.example/);
    const config = await loadConfig({ needs: [], env: tests.env });
    const { proofs } = await readProofs(lab.vault, await provenBy(config));
    expect(proofs.at(-1)?.proof.outcome).toBe("failed");
    expect(await whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
  });

  test("broken off in the middle, it starts afresh", async () => {
    tests.policy(application);
    const stop = new AbortController();
    const stopping = {
      ...log,
      group: <T>(title: string, work: () => Promise<T>) => {
        if (title === "keys and indexes") stop.abort(new Error("stopped"));
        return work();
      },
    };
    await expect(tests.run({ log: stopping, signal: stop.signal })).rejects.toThrow();
    expect(await whatIsThere()).toMatchObject({ state: "testing" });
    expect(await tests.report({ set: "latest" })).toMatchObject({ outcome: "proven" });
    expect(await whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
  });

  test("a copy that is kept is whole, is left alone, and goes when it is told to", async () => {
    const report = await tests.report({ set: "latest", keepHours: 1 });
    expect(report.copy.state).toBe("kept");
    expect(await whatIsThere()).toMatchObject({ state: "kept", exams: true });
    await expect(tests.run()).rejects.toMatchObject({ code: "staging-kept" });
    await expect(tests.mark()).rejects.toMatchObject({ code: "staging-not-empty" });
    expect(await tests.wipe()).toMatchObject({ outcome: "wiped" });
    expect(await whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
    expect(await tests.wipe()).toMatchObject({ outcome: "empty-already" });
  });

  test("a marker that came with a copy of the database does not count", async () => {
    await execute(staging.superuserUrl, "update lifeboat_staging.marker set system_identifier = '1'");
    await expect(tests.run()).rejects.toMatchObject({ code: "staging-marker-differs" });
    await tests.mark();
  });
});

describe("with the Management API", () => {
  const asked = <T>(work: () => Promise<T>) =>
    within({ SUPABASE_ACCESS_TOKEN: api.token, SUPABASE_API_URL: api.url }, work);

  test("refuses a project without room before anything is loaded", async () => {
    api.project.availableBytes = 1000;
    await execute(staging.postgresUrl, "create table public.stays (n int)");
    await asked(() => expect(tests.run({ set: "latest" })).rejects.toMatchObject({ code: "staging-too-small" }));
    await execute(staging.postgresUrl, "drop table public.stays");
    api.project.availableBytes = 8e9;
  });

  test("wakes it, and switches mail and hooks off before there is data", async () => {
    Object.assign(api.project, { status: "INACTIVE", slowness: 1, trouble: [429, 503] });
    Object.assign(api.project.auth, { smtp_host: "smtp.example.org", hook_send_email_enabled: true });
    const report = await asked(() => tests.report({ set: "latest" }));
    expect(report.outcome).toBe("proven");
    expect(report.quiet.map(({ state }) => state)).toEqual(["off", "off"]);
    expect(api.project.auth).toMatchObject({
      smtp_host: null,
      hook_send_email_enabled: false,
      site_url: "http://staging",
    });
    expect(api.requests).toContain(`POST /v1/projects/${stagingRef}/restore`);
    expect(log.lines.join("\n")).not.toContain(api.token);
  });
});

describe("the command", () => {
  const lifeboat = (...args: string[]) =>
    spawnSync(process.execPath, [new URL("../../scripts/lifeboat.mjs", import.meta.url).pathname, ...args], {
      env: { ...tests.env, LIFEBOAT_PG_BIN: sharedPostgres(17).binDir },
      encoding: "utf8",
    });

  test("says what it would do, empties, and refuses a ref that is not staging's", () => {
    const dry = lifeboat("test-restore", "--dry-run", "--json");
    expect(dry.status).toBe(0);
    expect(JSON.parse(dry.stdout)).toMatchObject({ outcome: "dry-run", projectRef: stagingRef, checks: 4, queries: 2 });
    expect(lifeboat("test-restore", "--wipe").stdout).toContain("is empty already");
    expect(lifeboat("test-restore", "--mark-staging", "another").status).toBe(2);
    expect(lifeboat("test-restore", "--seed", "zzz").stderr).toContain("8 hexadecimal digits");
  });

  test("list shows which sets are proven, and since when", () => {
    const listed = JSON.parse(lifeboat("list", "--json").stdout);
    expect(listed.sets.map(({ provenAt }: { provenAt: string | null }) => typeof provenAt)).toEqual([
      "string",
      "string",
    ]);
    expect(lifeboat("list").stdout).toContain("the newest proven one of");
  });
});

describe("a proof does not count", () => {
  test("when another key than the prover's signed it, or it lies with another set", async () => {
    const config = await loadConfig({ needs: [], env: tests.env });
    const verify = await provenBy(config);
    const { proofs } = await readProofs(lab.vault, verify);
    const [genuine] = proofs;
    if (genuine === undefined) throw new Error("there is no proof");
    const forged = { ...genuine.proof, proof: "20990101T000000Z-00000000" };
    const bytes = encodeProof(forged);
    await writeProof(lab.vault, forged, bytes, await signDetached(bytes, lab.operations), null);
    const { body } = await lab.vault.get(genuine.key);
    const { body: signature } = await lab.vault.get(`${genuine.key}.sig`);
    const elsewhere = "proofs/20990101T000000Z-11111111/20990101T000000Z-00000000.json";
    await lab.vault.put(elsewhere, body);
    await lab.vault.put(`${elsewhere}.sig`, signature);
    const { proofs: after, refused } = await readProofs(lab.vault, verify);
    expect(after).toEqual(proofs);
    expect(refused.map(({ problem }) => problem)).toEqual([
      expect.stringContaining("not among the pinned"),
      "it was signed for another place",
    ]);
  });

  test("when its set has another manifest by now", async () => {
    const config = await loadConfig({ needs: [], env: tests.env });
    const before = await provenSets(lab.vault, await provenBy(config));
    const gone = before.find(({ set }) => set === sets[0]);
    const key = `database/${gone?.tier}/${gone?.set}/manifest.json`;
    const { body } = await lab.vault.get(key);
    await lab.vault.put(key, Buffer.concat([body, Buffer.from("\n")]));
    expect((await provenSets(lab.vault, await provenBy(config))).map(({ set }) => set)).toEqual([sets[1]]);
  });
});

test("no line of any of it holds a person's datum", () => {
  expect(log.lines.join("\n")).not.toMatch(new RegExp(`${PLANTED_EMAIL}|@qimma\\.example`));
});
