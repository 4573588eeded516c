import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { readIncident } from "../../actions/lib/vault/incident/state.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { listSets } from "../../actions/lib/vault/sets/catalogue.ts";
import { readSignedSet } from "../../actions/lib/vault/sets/open-set.ts";
import { keysIn } from "../integration/backup-lab.ts";
import { PLANTED_EMAIL, seedQimma } from "../lab/index.ts";
import { addProject, type Project, type SupabaseApi, startSupabaseApi } from "../lab/supabase-api/index.ts";
import type { ActRun, Checkout } from "./checkout.ts";
import { expectUntold, openWorkflowLab, type WorkflowLab } from "./workflow-lab.ts";

/** The button of an incident as act runs it: begin, the set under the mark, retention refused, and the end. */

const ref = "abcdefghijklmnopqrst";
let workflows: WorkflowLab;
let checkout: Checkout;
let vault: Vault;
let api: SupabaseApi;
let supabase: Project;
let secrets: Record<string, string>;

beforeAll(async () => {
  workflows = await openWorkflowLab("act_incident");
  await seedQimma(workflows.project.postgresUrl, { bytes: 200_000, seed: 6 });
  checkout = workflows.repository();
  vault = await workflows.newVault(`incident-${process.pid}`);
  api = await startSupabaseApi();
  supabase = addProject(api.world, { ref });
  secrets = {
    ...workflows.secrets,
    ...{ S3_BACKUP_BUCKET: vault.bucket, SUPABASE_PROJECT_REF: ref },
    ...{ SUPABASE_ACCESS_TOKEN: api.token, SUPABASE_API_URL: api.url },
  };
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await workflows?.[Symbol.asyncDispose]();
});

const env = () => workflows.runner;
const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, workflows.lab.signers);

function press(inputs: Record<string, string>, more: Record<string, string> = {}): Promise<ActRun> {
  return checkout.run("incident", { name: "workflow_dispatch", inputs, env: env(), secrets: { ...secrets, ...more } });
}

test("it begins, makes a set under the mark, refuses retention by name, and ends by the word of the restore's key", async () => {
  const before = supabase.postgrest["db_schema"];
  const begun = await press({ action: "begin", reason: "keys were stolen", "api-off": "true" });
  expect(begun.code, begun.output).toBe(0);
  const state = await readIncident(vault, verify);
  expect(state).toMatchObject({ on: true, reason: "keys were stolen", problem: null });
  expect(supabase.postgrest["db_schema"]).toBe("");
  expect((await keysIn(vault, "incident/")).some((key) => key.endsWith("/evidence/keys.pgp"))).toBe(true);
  const [made, ...none] = await listSets(vault, { verify });
  expect(none).toEqual([]);
  expect(made?.incident).toBe(state.on && state.id);
  await expect(readSignedSet(vault, "latest", workflows.lab.signers)).rejects.toMatchObject({ code: "set-unknown" });

  const { BACKUP_SIGNING_KEY: _key, BACKUP_SIGNING_PASSPHRASE: _passphrase, ...keyless } = secrets;
  const refused = await checkout.run("retention", { name: "schedule", env: env(), secrets: keyless });
  expect(refused.code).toBe(1);
  expect(refused.output).toMatch(/::error[^\n]*Refused: retention removes[^\n]*keys were stolen/);

  const opening = { RESTORE_PRIVATE_KEY: workflows.lab.operations.key.armor() };
  const ended = await checkout.run("incident", {
    ...{ name: "workflow_dispatch", env: env(), secrets: { ...keyless, ...opening } },
    inputs: { action: "end", reason: "all keys are new" },
  });
  expect(ended.code, ended.output).toBe(0);
  expect(supabase.postgrest["db_schema"]).toBe(before);
  expect((await checkout.run("retention", { name: "schedule", env: env(), secrets: keyless })).code).toBe(0);

  const kept = ["BACKUP_SIGNING_KEY", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "SUPABASE_ACCESS_TOKEN"];
  for (const { output } of [begun, refused, ended])
    expectUntold(output, secrets, kept, [PLANTED_EMAIL, "super-secret-jwt-token"]);
}, 300_000);
