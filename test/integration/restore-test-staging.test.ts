import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { execute, PLANTED_EMAIL } from "../lab/index.ts";
import { addProject, type Project, type SupabaseApi, startSupabaseApi } from "../lab/supabase-api/index.ts";
import { isUntouched } from "./restore-lab.ts";
import { stagingRef } from "./restore-test-lab.ts";
import { openStagingLab, type StagingLab } from "./staging-lab.ts";

/** What a restore test does before it loads anything: gates, and what the Management API is asked for. */

let on: StagingLab;
let api: SupabaseApi;
let supabase: Project;

beforeAll(async () => {
  on = await openStagingLab(["daily"]);
  api = await startSupabaseApi({ pace: 600 });
  supabase = addProject(api.world, { ref: stagingRef, region: "us-east-1" });
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await on?.[Symbol.asyncDispose]();
});

describe("before it is marked, nothing is touched", () => {
  const gates: readonly [string, Record<string, string>, string][] = [
    ["when it bears no marker", {}, "staging-unmarked"],
    ["when the environment names another project", { STAGING_PROJECT_REF: "another" }, "staging-ref-differs"],
    ["when production has the same ref", { SUPABASE_PROJECT_REF: stagingRef }, "staging-is-production"],
  ];
  test.each(gates)("%s", async (_name, env, code) => {
    await on.within(env, () => expect(on.tests.run()).rejects.toMatchObject({ code, exitCode: 2 }));
    expect(await isUntouched(on.staging.superuserUrl)).toBe(true);
  });

  test("when DATABASE_URL leads to it, by whatever address", async () => {
    const other = new URL(on.staging.postgresUrl);
    other.hostname = "localhost";
    for (const url of [on.staging.postgresUrl, other.href]) {
      await on.within({ DATABASE_URL: url }, () =>
        expect(on.tests.mark()).rejects.toMatchObject({ code: "staging-is-production" }),
      );
    }
  });

  test("when the key is not the prover's", async () => {
    await on.within({ RESTORE_PRIVATE_KEY: on.lab.operations.key.armor() }, () =>
      expect(on.tests.run()).rejects.toMatchObject({ code: "prover-key" }),
    );
  });

  test("when another ref is typed, or the policy names none", async () => {
    await expect(on.tests.mark("production")).rejects.toMatchObject({ code: "usage" });
    on.tests.policy({ projectRef: null });
    await expect(on.tests.mark()).rejects.toMatchObject({ code: "staging-unset" });
    on.tests.policy({});
  });

  test("and a project that is in use cannot be marked", async () => {
    await execute(on.staging.postgresUrl, "create table public.in_use (n int)");
    await expect(on.tests.mark()).rejects.toMatchObject({
      code: "staging-not-empty",
      message: expect.stringContaining("public.in_use"),
    });
    await execute(on.staging.postgresUrl, "drop table public.in_use");
  });
});

describe("with the Management API", () => {
  const asked = <T>(work: () => Promise<T>) =>
    on.within({ SUPABASE_ACCESS_TOKEN: api.token, SUPABASE_API_URL: api.url }, work);

  beforeAll(async () => {
    await on.tests.mark();
  });

  test("refuses a project without room before anything is loaded", async () => {
    supabase.disk.usedBytes = 8 * 1024 ** 3 - 1000;
    await execute(on.staging.postgresUrl, "create table public.stays (n int)");
    await asked(() => expect(on.tests.run({ set: "latest" })).rejects.toMatchObject({ code: "staging-too-small" }));
    await execute(on.staging.postgresUrl, "drop table public.stays");
    supabase.disk.usedBytes = 300 * 1024 ** 2;
  });

  test("wakes it, and switches mail and hooks off before there is data", async () => {
    supabase.status = "INACTIVE";
    api.world.faults.next(429, 503);
    Object.assign(supabase.auth, {
      site_url: "http://staging",
      smtp_host: "smtp.example.org",
      hook_send_email_enabled: true,
    });
    const report = await asked(() => on.tests.report({ set: "latest" }));
    expect(report.outcome).toBe("proven");
    expect(report.quiet.map(({ state }) => state)).toEqual(["off", "off"]);
    expect(supabase.auth).toMatchObject({
      smtp_host: null,
      hook_send_email_enabled: false,
      site_url: "http://staging",
    });
    expect(api.requests).toContain(`POST /v1/projects/${stagingRef}/restore`);
    expect(on.log.lines.join("\n")).not.toContain(api.token);
  });
});

test("no line of any of it holds a person's datum", () => {
  expect(on.log.lines.join("\n")).not.toMatch(new RegExp(`${PLANTED_EMAIL}|@qimma\\.example`));
});
