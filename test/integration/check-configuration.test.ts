import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import type { CheckRow } from "../../actions/lib/operations/check/check-row.ts";
import check from "../../actions/lib/operations/check/operation.ts";
import { createProject, dropProject, type LabProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { addProject, addToken, configure, type SupabaseApi, startSupabaseApi } from "../lab/supabase-api/index.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";

/** What `lifeboat check` says of the token that reads the project's configuration. */

const ref = "abcdefghijklmnopqrst";
let lab: BackupLab;
let project: LabProject;
let supabase: SupabaseApi;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  project = await createProject(sharedPostgres(17).superuserUrl(), `check_configuration_${process.pid}`);
  supabase = await startSupabaseApi();
  configure(addProject(supabase.world, { ref }), Date.now());
});
afterAll(async () => {
  await supabase?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await dropProject(sharedPostgres(17).superuserUrl(), project.name);
});

async function row(change: Record<string, string>): Promise<CheckRow | undefined> {
  const env = { ...lab.env(project.backupUrl), SUPABASE_API_URL: supabase.url, ...change };
  const told = await runOperation(check, {}, { env, log: silentLog, signal: new AbortController().signal });
  const { ready, checks } = told.result as { ready: boolean; checks: CheckRow[] };
  // Whatever is said of it: a backup can run.
  expect(ready).toBe(true);
  return checks.find((one) => one.check === "configuration");
}

test("a token that reads everything is said to; without one, or without the ref, sets are said to have nothing", async () => {
  const given = { SUPABASE_ACCESS_TOKEN: supabase.token, SUPABASE_PROJECT_REF: ref };
  expect(await row(given)).toMatchObject({
    status: "ok",
    found: expect.stringMatching(/^\d+ parts with \d+ settings/),
  });
  expect(supabase.requests.filter((request) => !request.startsWith("GET "))).toEqual([]);
  const next = expect.stringContaining("runbooks/configuration.md");
  const found = (what: string) => expect.stringContaining(`${what} is not set: sets have none of it`);
  expect(await row({})).toMatchObject({ status: "warn", found: found("SUPABASE_ACCESS_TOKEN"), next });
  expect(await row({ SUPABASE_ACCESS_TOKEN: supabase.token })).toMatchObject({ found: found("SUPABASE_PROJECT_REF") });
});

test("a right that is lacking is named with what a set would lack, and so is a token that has ended", async () => {
  const permissions = ["project_admin_read", "organization_admin_read", "auth_config_read", "edge_functions_read"];
  const { value } = addToken(supabase.world, { permissions });
  const scoped = await row({ SUPABASE_ACCESS_TOKEN: value, SUPABASE_PROJECT_REF: ref });
  expect(scoped).toMatchObject({ status: "warn", next: expect.stringContaining("runbooks/configuration.md") });
  expect(scoped?.found).toContain("storage (SUPABASE_ACCESS_TOKEN lacks storage_config_read)");
  expect(scoped?.found).toContain("secrets (SUPABASE_ACCESS_TOKEN lacks edge_functions_secrets_read)");
  expect(scoped?.found).not.toMatch(/\bauth \(|\bfunctions\b/);
  const ended = await row({ SUPABASE_ACCESS_TOKEN: "sbp_unknown", SUPABASE_PROJECT_REF: ref });
  expect(ended).toMatchObject({ status: "warn", found: expect.stringContaining("is not valid (any more)") });
});
