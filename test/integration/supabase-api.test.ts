import { HeadBucketCommand, ListBucketsCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Secret } from "../../actions/lib/config/problems.ts";
import { type ManagementApi, openManagementApi } from "../../actions/lib/supabase/management-api.ts";
import { readPublicStatus } from "../../actions/lib/supabase/status-page.ts";
import { createProject, withClient } from "../lab/index.ts";
import { type ArchivedPostgres, startArchivedPostgres } from "../lab/servers/archived-postgres.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { storageClient } from "../lab/storage/index.ts";
import {
  addProject,
  backByLab,
  type LabBacking,
  type Project,
  type SupabaseApi,
  startSupabaseApi,
} from "../lab/supabase-api/index.ts";

/** The simulated Supabase with real databases behind it: what a recovery meets when it leaves the API and connects. */

let supabase: SupabaseApi;
let backing: LabBacking;
let api: ManagementApi;
const statusForm = z.object({ ref: z.string().optional(), status: z.string() });
const poolerForm = z.array(
  z.object({ db_host: z.string(), db_port: z.number(), db_name: z.string(), db_user: z.string() }),
);
const keysForm = z.array(z.object({ name: z.string(), api_key: z.string() }));

beforeAll(async () => {
  supabase = await startSupabaseApi({ pace: 100 });
  supabase.world.limit = 1_000_000;
  backing = await backByLab(supabase.world, sharedPostgres(17).superuserUrl());
  api = openManagementApi({ url: supabase.url, token: new Secret(supabase.token), spacing: 0 });
});
afterAll(() => supabase?.[Symbol.asyncDispose]());

async function until(done: () => Promise<boolean>): Promise<void> {
  await expect.poll(done, { timeout: 60_000, interval: 50 }).toBe(true);
}
const isHealthy = (ref: string) => async () =>
  (await api.get(`/v1/projects/${ref}`, statusForm)).status === "ACTIVE_HEALTHY";

async function addressOf(ref: string, password: string): Promise<string> {
  const [pooler] = await api.get(`/v1/projects/${ref}/config/database/pooler`, poolerForm);
  return `postgresql://${pooler?.db_user}:${encodeURIComponent(password)}@${pooler?.db_host}:${pooler?.db_port}/${pooler?.db_name}`;
}
const ask = async (url: string, sql: string) => withClient(url, async (client) => (await client.query(sql)).rows[0]);

test("the public status page says what is not well, where it is looked for", async () => {
  expect(await readPublicStatus(supabase.statusUrl)).toMatchObject({ known: true, troubles: [] });
  supabase.world.publicTroubles.push("Projects in eu-central-1 do not start");
  expect(await readPublicStatus(supabase.statusUrl)).toMatchObject({
    troubles: [expect.stringContaining("eu-central-1"), "Database: partial_outage"],
  });
  supabase.world.publicTroubles.length = 0;
});

describe("a project that was made", () => {
  const password = "a password / of ours";
  let ref: string;

  test("is a database with our password once it is healthy, and none before", async () => {
    const body = {
      ...{ name: "recovered", organization_slug: "org", db_pass: password },
      region_selection: { type: "specific", code: "eu-central-1" },
    };
    const made = await api.ask("POST", "/v1/projects", statusForm, body);
    expect(made.status).toBe("COMING_UP");
    ref = made.ref ?? "";
    const early = await addressOf(ref, password);
    await expect(ask(early, "select 1")).rejects.toMatchObject({ code: "XX000" });
    await until(isHealthy(ref));
    const url = await addressOf(ref, password);
    expect(await ask(url, "select current_user as who, to_regclass('auth.users')::text as users")).toEqual({
      who: "postgres",
      users: "auth.users",
    });
    await expect(ask(await addressOf(ref, "another"), "select 1")).rejects.toMatchObject({ code: "28P01" });
  });

  test("takes startup settings and requests to cancel through its pooler", async () => {
    const url = `${await addressOf(ref, password)}?options=${encodeURIComponent("-c statement_timeout=300")}&application_name=lifeboat`;
    expect(await ask(url, "select current_setting('application_name') as name")).toEqual({ name: "lifeboat" });
    await expect(ask(url, "select pg_sleep(20)")).rejects.toMatchObject({ code: "57014" });
  });

  test("gets its Storage some time later, by a session token of its keys", async () => {
    const keys = await api.get(`/v1/projects/${ref}/api-keys?reveal=true`, keysForm);
    const key = (name: string) => keys.find((one) => one.name === name)?.api_key ?? "";
    const access = {
      ...{ endpoint: `${supabase.projectUrl.replace("{ref}", ref)}/storage/v1/s3`, region: "eu-central-1" },
      ...{ accessKeyId: ref, secretAccessKey: key("anon"), sessionToken: key("service_role") },
    };
    const client = storageClient(access);
    await until(async () => {
      const answer = await client.send(new ListBucketsCommand({})).catch((error: unknown) => error);
      return !(answer instanceof Error);
    });
    await ask(
      await addressOf(ref, password),
      "insert into storage.buckets (id, name) values ('exam-files', 'exam-files')",
    );
    await expect(client.send(new HeadBucketCommand({ Bucket: "exam-files" }))).resolves.toBeDefined();
    const other = storageClient({ ...access, sessionToken: key("anon") });
    await expect(other.send(new ListBucketsCommand({}))).rejects.toMatchObject({ name: "AccessDenied" });
  });

  test("lets in whom its rows of auth know, and only by its own keys", async () => {
    const keys = await api.get(`/v1/projects/${ref}/api-keys?reveal=true`, keysForm);
    const apikey = keys.find(({ name }) => name === "anon")?.api_key ?? "";
    await ask(
      await addressOf(ref, password),
      `with made as (insert into auth.users (id, email, encrypted_password)
         values (gen_random_uuid(), 'a@school.example', extensions.crypt('good', extensions.gen_salt('bf', 4))) returning id)
       insert into auth.refresh_tokens (token, user_id, revoked) select 'carried', id, false from made`,
    );
    const knock = async (path: string, body: object, key = apikey) => {
      const init = {
        method: "POST",
        headers: { apikey: key, authorization: `Bearer ${key}` },
        body: JSON.stringify(body),
      };
      return (await fetch(`${supabase.projectUrl.replace("{ref}", ref)}${path}`, init)).status;
    };
    await until(
      async () => (await knock("/auth/v1/token?grant_type=refresh_token", { refresh_token: "carried" })) === 200,
    );
    const login = "/auth/v1/token?grant_type=password";
    expect(await knock(login, { email: "a@school.example", password: "good" })).toBe(200);
    expect(await knock(login, { email: "a@school.example", password: "bad" })).toBe(400);
    expect(await knock(login, { email: "a@school.example", password: "good" }, "another key")).toBe(401);
    expect(await knock("/functions/v1/grade", {})).toBe(404);
    await api.send("POST", `/v1/projects/${ref}/functions`, { slug: "grade", name: "grade", body: "x" });
    expect(await knock("/functions/v1/grade", {})).toBe(200);
    await api.send("PATCH", `/v1/projects/${ref}/postgrest`, { db_schema: "" });
    expect(await knock("/rest/v1/", {})).toBe(503);
  });

  test("opens what another Vault has sealed once it has that one's root key", async () => {
    const form = z.object({ root_key: z.string() });
    const rootKey = "5".repeat(64);
    const before = await api.get(`/v1/projects/${ref}/pgsodium`, form);
    expect(before.root_key).not.toBe(rootKey);
    await api.send("PUT", `/v1/projects/${ref}/pgsodium`, { root_key: rootKey });
    expect(await api.get(`/v1/projects/${ref}/pgsodium`, form)).toEqual({ root_key: rootKey });
  });

  test("is gone with its database when it is deleted", async () => {
    const { name } = backing.lab(ref);
    await api.send("DELETE", `/v1/projects/${ref}`);
    const left = await ask(
      sharedPostgres(17).superuserUrl(),
      `select count(*)::int as n from pg_database where datname = '${name}'`,
    );
    expect(left).toEqual({ n: 0 });
  });
});

describe("a restore to a point in time", () => {
  let archive: ArchivedPostgres;
  let project: Project;
  beforeAll(async () => {
    archive = await startArchivedPostgres(17);
    const lab = await createProject(archive.running.superuserUrl(), "production");
    project = addProject(supabase.world, { ref: "restoredrestoredrest", createdAt: Date.now() - 60_000 });
    project.addons = { ...project.addons, compute: "ci_small", pitr: "pitr_7" };
    await backing.adopt(project, lab, { archive });
    await archive.keepBase();
  }, 120_000);
  afterAll(() => archive?.[Symbol.asyncDispose]());

  const inside = async () =>
    ask(
      await addressOf(project.ref, project.password),
      `select extract(epoch from pg_postmaster_start_time()) * 1000 as started, (select array_agg(name order by name) from public.marks) as marks`,
    );

  test("brings another postmaster, what was there then, and nothing of later", async () => {
    const url = await addressOf(project.ref, project.password);
    await ask(url, "create table public.marks (name text)");
    await ask(url, "insert into public.marks values ('before')");
    const before = await inside();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const target = Math.floor(Date.now() / 1000);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await ask(url, "insert into public.marks values ('after')");
    const path = `/v1/projects/${project.ref}/database/backups/restore-pitr`;
    await until(() =>
      api.send("POST", path, { recovery_time_target_unix: target }).then(
        () => true,
        () => false,
      ),
    );
    // Accepted, and the first look says that all is well.
    expect(await isHealthy(project.ref)()).toBe(true);
    await until(async () => project.status === "RESTORING");
    await until(isHealthy(project.ref));
    await until(() => inside().then(Boolean, () => false));
    const after = await inside();
    expect(after?.["marks"]).toEqual(["before"]);
    expect(Number(after?.["started"])).toBeGreaterThan(Number(before?.["started"]));
  }, 120_000);

  test("can end with nothing in it, and say that it is healthy", async () => {
    supabase.world.restoreOrders.push({ ends: "empty" });
    const path = `/v1/projects/${project.ref}/database/backups/restore-pitr`;
    const target = Math.floor(Date.now() / 1000);
    await until(() =>
      api.send("POST", path, { recovery_time_target_unix: target }).then(
        () => true,
        () => false,
      ),
    );
    await until(async () => project.status === "RESTORING");
    await until(isHealthy(project.ref));
    await until(() =>
      inside().then(
        () => false,
        (error: { code?: string }) => error.code === "42P01",
      ),
    );
  }, 120_000);
});
