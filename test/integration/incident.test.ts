import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { readInputs } from "../../actions/lib/edge/inputs.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import { loadOperations } from "../../actions/lib/operations/catalogue.ts";
import type { Begun } from "../../actions/lib/operations/incident/begin.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { openWhole } from "../../actions/lib/seal/body/artifact.ts";
import { unwrapSessionKey } from "../../actions/lib/seal/keys/session-key.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { releaseVerifier } from "../../actions/lib/vault/configured.ts";
import { readHolds } from "../../actions/lib/vault/holds/register.ts";
import { writeApiRecord } from "../../actions/lib/vault/incident/api-record.ts";
import { readIncident } from "../../actions/lib/vault/incident/state.ts";
import type { VerifyRelease } from "../../actions/lib/vault/published/signed-manifest.ts";
import { readSignedSet } from "../../actions/lib/vault/sets/open-set.ts";
import { createProject, dropProject, execute, type LabProject, seedQimma, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { addProject, type Project, type SupabaseApi, startSupabaseApi } from "../lab/supabase-api/index.ts";
import { type BackupLab, backUp, keysIn, openBackupLab } from "./backup-lab.ts";

const ref = "abcdefghijklmnopqrst";
const verbs = await loadOperations();
let project: LabProject;
let lab: BackupLab;
let api: SupabaseApi;
let supabase: Project;
let env: Record<string, string>;
/** The newest good set when the incidents begin. */
let good: string;

beforeAll(async () => {
  project = await createProject(sharedPostgres(17).superuserUrl(), `incident_${process.pid}`);
  await seedQimma(project.postgresUrl, { bytes: 200_000, seed: 5 });
  await execute(
    project.superuserUrl,
    `insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
     select gen_random_uuid(), gen_random_uuid(), json_build_object('action', 'login', 'n', n), now(), '' from generate_series(1, 7) n`,
  );
  lab = await openBackupLab(sharedS3());
  api = await startSupabaseApi();
  supabase = addProject(api.world, { ref });
  supabase.postgrest["db_schema"] = original;
  env = {
    ...lab.env(project.backupUrl),
    RESTORE_PRIVATE_KEY: lab.operations.key.armor(),
    ...{ SUPABASE_PROJECT_REF: ref, SUPABASE_ACCESS_TOKEN: api.token, SUPABASE_API_URL: api.url },
  };
  verify = await releaseVerifier(await lab.config(project.backupUrl));
  good = (await backUp(lab, project.backupUrl)).set;
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await dropProject(sharedPostgres(17).superuserUrl(), project.name);
});
afterEach(async () => {
  api.world.faults.clear();
  api.world.heard = undefined;
  if ((await state()).on) await incident("end", { reason: "the test is over" });
  expect(await state()).toMatchObject({ on: false });
  supabase.postgrest["db_schema"] = original;
});

/** With blanks that a careless program would tidy up. */
const original = "public, graphql_public ,api";
/** Whoever has only the jobs' key ends nothing: this accepts people's keys alone. */
let verify: VerifyRelease;
const state = () => readIncident(lab.vault, verify);
const dbSchema = () => supabase.postgrest["db_schema"];

function incident(action: string, given: Record<string, string | boolean> = {}, change: Record<string, string> = {}) {
  const verb = verbs.find(({ name }) => name === "incident");
  if (verb === undefined) throw new Error("There is no incident.");
  const inputs = readInputs(verb, "command", { action, ...given });
  return runOperation(verb, inputs, {
    env: { ...env, ...change },
    log: silentLog,
    signal: new AbortController().signal,
  });
}

async function begin(given: Record<string, string | boolean> = {}, change: Record<string, string> = {}) {
  const told = await incident("begin", { reason: "keys were stolen", "no-set": true, ...given }, change);
  return { ...told, begun: told.result as Begun };
}

/** Takes connections, and says what it is told to and no more. */
async function startListener(connected: (socket: Socket) => void) {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.on("error", () => undefined));
    connected(socket);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

describe("an incident's begin", () => {
  test("writes its state first, keeps evidence that only the recipients open, holds what is good, makes a set under the mark", async () => {
    const atFirstRequest = Promise.withResolvers<boolean>();
    api.world.heard = async () => atFirstRequest.resolve((await state()).on);
    const { begun, page, failure } = await begin({ "api-off": true, "no-set": false });
    expect(failure).toBeUndefined();
    // The Data API was asked nothing before the state was there; and its requests came before the evidence, which is slow.
    expect(await atFirstRequest.promise).toBe(true);
    console.log(
      `incident begin: state after ${begun.seconds.state} s, Data API off after ${begun.seconds.dataApi} s, all after ${begun.seconds.all} s`,
    );
    expect(begun.seconds.state).toBeLessThanOrEqual(begun.seconds.dataApi ?? 0);
    expect(dbSchema()).toBe("");

    const text = renderText(page ?? { title: "", sentence: "", tables: [] }).join("\n");
    for (const told of ["Not stopped: Auth", "caches (CDN)", "Tell: ", "runbooks/incident.md", "Next: "])
      expect(text).toContain(told);
    expect(text).not.toContain("super-secret-jwt");

    const register = await readHolds(lab.vault, verify);
    expect(register.holds.map(({ subject }) => subject.set)).toContain(good);

    const prefix = `incident/${begun.incident}/evidence/`;
    const key = await unwrapSessionKey((await lab.vault.get(`${prefix}keys.pgp`)).body, lab.operations);
    const rowsOf = async (name: string) => {
      const plain = await openWhole((await lab.vault.get(`${prefix}${name}.ndjson.zst.pgp`)).body, key);
      return plain
        .toString("utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    };
    expect(await rowsOf("auth-audit-log")).toHaveLength(7);
    const [runs] = await withClient(
      project.superuserUrl,
      async (client) => (await client.query("select count(*)::int as n from cron.job_run_details")).rows,
    );
    expect(await rowsOf("cron-job-run-details")).toHaveLength(runs?.n);
    expect((await rowsOf("roles")).map(({ rolname }) => rolname)).toContain("authenticator");
    expect((await rowsOf("sessions")).some((row) => row["application_name"] === "lifeboat/incident")).toBe(true);
    const evidence = "done" in begun.evidence ? begun.evidence.done.exhibits : [];
    for (const { name, problem } of evidence) if (name !== "statements") expect(problem, name).toBeNull();

    // Nothing that is stored in the open tells the secret or a person.
    for (const stored of await keysIn(lab.vault, "incident/")) {
      const body = Buffer.from((await lab.vault.get(stored)).body).toString("latin1");
      expect(body, stored).not.toMatch(/super-secret-jwt|"action": *"login"/);
    }

    const made = (begun as Begun & { set: { done: { set: string; incident: string } } }).set.done;
    expect(made.incident).toBe(begun.incident);
    expect((await readSignedSet(lab.vault, made.set, lab.signers)).manifest.incident).toBe(begun.incident);
    expect((await readSignedSet(lab.vault, "latest", lab.signers)).set).toBe(good);

    const status = await incident("status");
    expect(status.result).toMatchObject({ on: true, incidents: [begun.incident] });
    const ended = await incident("end", { reason: "all keys are new" });
    expect(ended.result).toMatchObject({ outcome: "ended", dataApi: { state: "put-back" } });
    expect(dbSchema()).toBe(original);
  });

  test("needs nothing but the vault: a database that is gone and an API that fails are told, and it is on", async () => {
    api.world.faults.inject({ kind: { status: 503 } });
    const { begun, failure } = await begin(
      { "api-off": true },
      { DATABASE_URL: "postgresql://lifeboat@127.0.0.1:1/x" },
    );
    expect(await state()).toMatchObject({ on: true, id: begun.incident });
    expect(failure).toMatchObject({ code: "incident-incomplete" });
    expect(failure?.message).toMatch(/Data API is NOT known to be off/);
    expect(failure?.message).toMatch(/No evidence was kept/);
    expect(dbSchema()).toBe(original);
  });

  test("keeps so much evidence and no more, and names what it could not read", async () => {
    await execute(
      project.superuserUrl,
      `insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
       select gen_random_uuid(), gen_random_uuid(), json_build_object('text', repeat(md5(n::text), 40)), now(), ''
         from generate_series(1, 20000) n`,
    );
    const { begun, failure } = await withClient(project.superuserUrl, async (client) => {
      // Somebody's migration, which evidence does not wait for.
      await client.query("begin; lock table cron.job in access exclusive mode");
      return begin();
    });
    const exhibits = "done" in begun.evidence ? begun.evidence.done.exhibits : [];
    const of = (name: string) => exhibits.find((one) => one.name === name);
    expect(of("auth-audit-log")).toMatchObject({ cut: true, problem: null });
    expect(of("auth-audit-log")?.rows).toBeLessThan(20_000);
    expect(of("cron-jobs")).toMatchObject({ rows: 0, problem: expect.stringContaining("55P03") });
    expect(of("settings")).toMatchObject({ problem: null });
    expect(failure).toBeUndefined();
    await execute(project.superuserUrl, "delete from auth.audit_log_entries where payload ->> 'text' is not null");
  });

  test("takes less than a minute with a database that signs in and an API that listens, and neither answers anything", async () => {
    const signedIn = Buffer.from("5200000008000000005a0000000549", "hex");
    await using database = await startListener((socket) => socket.once("data", () => socket.write(signedIn)));
    await using silent = await startListener(() => undefined);
    const since = performance.now();
    const { begun, failure } = await begin(
      { "api-off": true },
      {
        DATABASE_URL: `postgresql://lifeboat@127.0.0.1:${database.port}/x`,
        SUPABASE_API_URL: `http://127.0.0.1:${silent.port}`,
      },
    );
    expect((performance.now() - since) / 1000).toBeLessThan(60);
    expect(begun.seconds.state).toBeLessThan(10);
    expect(failure?.message).toMatch(/Data API is NOT known to be off.*No evidence was kept/);
    // What needs neither is done.
    expect(begun.held).toEqual([expect.objectContaining({ done: expect.objectContaining({ set: good }) })]);
    expect(await state()).toMatchObject({ on: true, id: begun.incident });
  }, 120_000);

  test("is on in one bucket where the other is not to be had, and says which", async () => {
    const { begun, failure } = await begin({}, { S3_STORAGE_BUCKET: "no-such-bucket-here" });
    expect(begun).toMatchObject({ buckets: [lab.bucket], notOn: [{ bucket: "no-such-bucket-here" }] });
    expect(failure?.message).toContain("In bucket no-such-bucket-here it is NOT on");
    expect(await state()).toMatchObject({ on: true, id: begun.incident });
  });

  test("with --api-off and no token, or no project, is refused before anything is written", async () => {
    const before = await keysIn(lab.vault, "incident/");
    for (const [change, code] of [
      [{ SUPABASE_ACCESS_TOKEN: "" }, "api-token-missing"],
      [{ SUPABASE_PROJECT_REF: "" }, "project-ref-missing"],
    ] as const)
      await expect(begin({ "api-off": true }, change)).rejects.toMatchObject({ code, exitCode: 2 });
    expect(() => incident("begin")).toThrow(expect.objectContaining({ code: "usage" }));
    expect(await keysIn(lab.vault, "incident/")).toEqual(before);
  });

  test("can be rehearsed", async () => {
    const { begun } = await begin({ "dry-run": true, "api-off": true });
    expect(begun.outcome).toBe("would-begin");
    expect(await state()).toMatchObject({ on: false });
    expect(dbSchema()).toBe(original);
  });
});

describe("the Data API", () => {
  test("is put back byte by byte after two begins: the second notes nothing of what the first has switched off", async () => {
    const first = await begin({ "api-off": true });
    const second = await begin({ "api-off": true });
    expect(second.begun.dataApi).toEqual({ done: { state: "off-already", notedBy: first.begun.incident } });
    expect(
      (await keysIn(lab.vault, "incident/")).filter(
        (key) => key.includes(second.begun.incident) && key.endsWith("api.json"),
      ),
    ).toEqual([]);
    const ended = await incident("end", { reason: "over" });
    expect(ended.result).toMatchObject({ outcome: "ended" });
    expect((ended.result as { incidents: string[] }).incidents.sort()).toEqual(
      [first.begun.incident, second.begun.incident].sort(),
    );
    expect(dbSchema()).toBe(original);
  });

  test("after two begins at the same moment is put back as it was", async () => {
    const begun = await Promise.all([begin({ "api-off": true }), begin({ "api-off": true })]);
    expect(new Set(begun.map(({ begun: { incident: id } }) => id)).size).toBe(2);
    expect(dbSchema()).toBe("");
    await incident("end", { reason: "over" });
    expect(dbSchema()).toBe(original);
  });

  test("that does not keep its setting leaves the incident on; put back by hand, it can end", async () => {
    await begin({ "api-off": true });
    const stubborn = api.world.faults.inject({ kind: "no-effect", on: /^PATCH .*postgrest/ });
    await expect(incident("end", { reason: "over" })).rejects.toMatchObject({ code: "data-api-off" });
    expect(await state()).toMatchObject({ on: true });
    expect(stubborn()).toBeGreaterThan(0);
    supabase.postgrest["db_schema"] = "public";
    const ended = await incident("end", { reason: "over" });
    expect(ended.result).toMatchObject({ dataApi: { state: "changed" } });
    expect(dbSchema()).toBe("public");
  });

  test("is never set to what nobody trusted has noted", async () => {
    const { begun } = await begin();
    supabase.postgrest["db_schema"] = "";
    const forged = {
      incident: begun.incident,
      projectRef: ref,
      dbSchema: "public,private_keys",
      at: new Date().toISOString(),
    };
    await writeApiRecord(lab.vault, forged, (bytes) => signDetached(bytes, lab.prover));
    const ended = await incident("end", { reason: "over" });
    expect(ended.failure).toMatchObject({ code: "vault-meddled" });
    expect(dbSchema()).toBe("");
  });
});
