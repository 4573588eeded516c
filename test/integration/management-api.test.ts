import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { readRestoreTestEnvironment } from "../../actions/lib/config/environment.ts";
import { Secret } from "../../actions/lib/config/problems.ts";
import { type ManagementApi, openManagementApi } from "../../actions/lib/supabase/management-api.ts";
import { assertProjectAllowed, quietAuth, readRoom, wakeProject } from "../../actions/lib/supabase/project.ts";
import { addProject, type Project, type SupabaseApi, startSupabaseApi } from "../lab/supabase-api/index.ts";

let supabase: SupabaseApi;
let project: Project;
let api: ManagementApi;
const ref = "stagingref";
const open = (token = supabase.token) =>
  openManagementApi({
    ...{ url: supabase.url, token: new Secret(token), spacing: 0 },
    patience: { attempts: 3, baseMillis: 1, capMillis: 1000 },
  });
const quick = { log: silentLog, pollSeconds: 0.01 };

beforeEach(async () => {
  supabase = await startSupabaseApi({ pace: 600 });
  project = addProject(supabase.world, { ref });
  api = open();
});
afterEach(() => supabase[Symbol.asyncDispose]());

test("a paused project is woken once and waited for; one that is awake is left alone", async () => {
  project.status = "INACTIVE";
  expect(await wakeProject(api, ref, quick)).toBe(true);
  expect(supabase.requests.filter((one) => one.startsWith("POST"))).toHaveLength(1);
  expect(await wakeProject(api, ref, quick)).toBe(false);
  expect(supabase.requests.filter((one) => one.startsWith("POST"))).toHaveLength(1);
});

test("one that cannot become healthy, or does not in time, is an error that says so", async () => {
  project.status = "RESTORE_FAILED";
  await expect(wakeProject(api, ref, quick)).rejects.toMatchObject({
    code: "project-unhealthy",
    message: expect.stringContaining("RESTORE_FAILED"),
  });
  project.status = "COMING_UP";
  await expect(wakeProject(api, ref, { ...quick, patienceSeconds: 0.05 })).rejects.toMatchObject({
    code: "project-unhealthy",
  });
});

test("a project in a region that the policy does not allow is refused; one that tells none is not", async () => {
  const regions = ["eu-central-1"];
  expect(await assertProjectAllowed(api, ref, regions)).toBe("eu-central-1");
  const untold = { status: 200, json: { status: "ACTIVE_HEALTHY" } };
  supabase.world.faults.inject({ kind: untold, times: 1 });
  expect(await assertProjectAllowed(api, ref, regions)).toBeUndefined();
  addProject(supabase.world, { ref: "elsewhere", region: "ap-south-1" });
  await expect(assertProjectAllowed(api, "elsewhere", regions)).rejects.toMatchObject({
    ...{ code: "region-refused", exitCode: 2 },
    message: expect.stringContaining("Project elsewhere is in ap-south-1"),
  });
});

test("a limit and an outage are waited out, but not for ever", async () => {
  supabase.world.faults.next(429, 502);
  expect(await readRoom(api, ref)).toMatchObject({ diskBytes: 8 * 1024 ** 3, freePlan: false });
  supabase.world.faults.next(503, 503, 503);
  await expect(readRoom(api, ref)).rejects.toMatchObject({ code: "api-unavailable", exitCode: 1 });
});

test("a wrong token and a wrong ref are told apart, and the token is not told", async () => {
  const refused = await readRoom(open("sbp_wrong_token_of_somebody"), ref).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "api-token", exitCode: 2 });
  expect(String(refused)).not.toContain("sbp_");
  await expect(readRoom(api, "nobody")).rejects.toMatchObject({ code: "api-missing" });
});

test("settings that are switched off and do not stay off stop everything", async () => {
  project.auth["hook_send_email_enabled"] = true;
  supabase.world.faults.inject({ kind: "no-effect", on: /^PATCH/ });
  await expect(quietAuth(api, ref)).rejects.toMatchObject({ code: "outbound-on" });
});

test("the token goes over TLS or to this machine, nowhere else", () => {
  const env = { SUPABASE_ACCESS_TOKEN: "sbp_x", SUPABASE_API_URL: "http://api.example.org" };
  expect(() => readRestoreTestEnvironment(env)).toThrow(expect.objectContaining({ code: "api-url" }));
  expect(readRestoreTestEnvironment({ ...env, SUPABASE_API_URL: "http://127.0.0.1:1" }).api?.url).toContain(
    "127.0.0.1",
  );
  expect(readRestoreTestEnvironment({}).api).toBeUndefined();
});
