import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { readInputs } from "../../actions/lib/edge/inputs.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import { loadOperations } from "../../actions/lib/operations/catalogue.ts";
import { fieldsOf } from "../../actions/lib/operations/field.ts";
import { resetStaging } from "../../actions/lib/operations/test-restore/staging/reset.ts";
import { beginIncident } from "../../actions/lib/vault/incident/write.ts";
import { filesReachedFrom } from "../../scripts/check/role-actions.ts";
import { setId } from "../faults/proxy/test-manifest.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";

const root = new URL("../..", import.meta.url).pathname;
const verbs = await loadOperations();
const forgetting = verbs.filter(({ forgets }) => forgets !== undefined);

/** What ends something for ever: versions in the vault, all that is in staging. */
const endings = [
  "actions/lib/vault/s3/delete-versions.ts",
  "actions/lib/operations/test-restore/staging/reset.ts",
  "actions/lib/operations/restore/abandon-restore.ts",
];
/** Tries to delete an object that is not there, to see whether the role may. */
const harmless = ["actions/lib/operations/check/standing-rows.ts"];
/** Inputs that say so themselves. */
const telling = ["overwrite", "wipe", "abandon", "force", "prune"];

/** What it writes over are files of the checkout, which git keeps. */
const besideGit = ["init"];

/** What is typed for each way in which a verb forgets. */
const typed: Readonly<Record<string, readonly Record<string, string | boolean>[]>> = {
  drill: [{}, { scenario: "complete-loss" }],
  erase: [
    { subject: "somebody", "plan-hash": "0".repeat(64) },
    { subject: "somebody", "plan-hash": "0".repeat(64), live: true },
  ],
  keys: [{ action: "rewrap" }],
  recover: [{ scenario: "database-failure", "remove-project": "abcdefghijklmnopqrst" }],
  release: [{ set: setId(1), reason: "it is over" }],
  restore: [{ abandon: true }],
  "restore-files": [
    { snapshot: "latest", overwrite: true },
    { snapshot: "latest", overwrite: true, to: "/nonexistent/folder" },
  ],
  retention: [{}],
  sentinels: [{ action: "remove" }],
  "test-restore": [{}, { wipe: true }, { set: "latest" }],
};
/** The same verbs when they forget nothing. */
const harmlessly: Readonly<Record<string, Record<string, string | boolean>>> = {
  erase: { received: "2026-11-30" },
  keys: { action: "check" },
  recover: { scenario: "complete-loss", "give-up": true },
  restore: { set: "latest" },
  "restore-files": { snapshot: "latest" },
  sentinels: { action: "status" },
  "test-restore": { "mark-staging": "someref" },
};

let lab: BackupLab;
let env: Record<string, string>;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3(), {
    lock: false,
    policy: (policy) => ({
      ...policy,
      targets: { default: { env: "TARGET" }, staging: { env: "STAGING" } },
      restoreTest: { projectRef: "stagingref" },
    }),
  });
  // Nothing listens there: whoever gets so far fails in another way.
  const nowhere = "postgresql://postgres@127.0.0.1:1/x";
  const of = (prefix: string) => ({
    [`${prefix}_DATABASE_URL`]: nowhere,
    [`${prefix}_PROJECT_REF`]: "stagingref",
    [`${prefix}_STORAGE_ENDPOINT`]: "http://127.0.0.1:1",
    [`${prefix}_STORAGE_REGION`]: "local",
    [`${prefix}_STORAGE_ACCESS_KEY_ID`]: "a",
    [`${prefix}_STORAGE_SECRET_ACCESS_KEY`]: "b",
  });
  env = {
    ...lab.env(nowhere),
    ...{ ...of("TARGET"), ...of("STAGING") },
    S3_STORAGE_BUCKET: lab.bucket,
    RESTORE_PRIVATE_KEY: lab.operations.key.armor(),
    ...{
      SUPABASE_ACCESS_TOKEN: "sbp_0",
      SUPABASE_API_URL: "http://127.0.0.1:1",
      SUPABASE_PROJECT_REF: "productionref",
    },
  };
  const said = { id: setId(2), reason: "keys were stolen", by: "a test", at: new Date() };
  await beginIncident(lab.vault, said, undefined);
});
afterAll(() => lab?.[Symbol.asyncDispose]());

function run(name: string, given: Record<string, string | boolean>) {
  const verb = verbs.find((one) => one.name === name);
  if (verb === undefined) throw new Error(`There is no ${name}.`);
  const inputs = readInputs(verb, "command", given);
  return runOperation(verb, inputs, { env, log: silentLog, signal: new AbortController().signal });
}

describe("what forgets", () => {
  test("is declared by every verb whose code can end something, or whose inputs say so", () => {
    const undeclared = verbs.filter(({ name, forgets, folder, inputs }) => {
      if (forgets !== undefined || besideGit.includes(name)) return false;
      const reached = filesReachedFrom(root, `actions/lib/operations/${folder}/operation.ts`, harmless);
      return endings.some((file) => reached.has(file)) || fieldsOf(inputs).some(({ key }) => telling.includes(key));
    });
    expect(undeclared.map(({ name }) => name)).toEqual([]);
    // The check sees something: these are found by their code alone.
    const found = verbs.filter(({ folder }) => {
      const reached = filesReachedFrom(root, `actions/lib/operations/${folder}/operation.ts`, harmless);
      return endings.some((file) => reached.has(file));
    });
    expect(found.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["keys", "restore", "retention", "test-restore"]),
    );
  });

  test("is shown here to be refused, each way of each verb", () => {
    expect(Object.keys(typed).sort()).toEqual(forgetting.map(({ name }) => name).sort());
  });

  const ways = Object.entries(typed).flatMap(([name, givens]) => givens.map((given) => [name, given] as const));
  test.each(ways)("%s %j is refused while an incident is on, before anything is touched", async (name, given) => {
    await expect(run(name, given)).rejects.toMatchObject({
      ...{ code: "incident-on", exitCode: 2 },
      message: expect.stringMatching(new RegExp(`^Refused: ${name} .*keys were stolen`)),
      next: expect.stringContaining("lifeboat incident end"),
    });
  });

  test.each(Object.entries(harmlessly))("%s %j goes on: it forgets nothing", async (name, given) => {
    const verb = verbs.find((one) => one.name === name);
    expect(verb?.forgets?.(readInputs(verb, "command", given))).toBeUndefined();
    const refusal = await run(name, given).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).not.toMatchObject({ code: "incident-on" });
  });

  test("can be rehearsed meanwhile", async () => {
    expect(await run("retention", { "dry-run": true })).toHaveProperty("result");
  });

  test("asks again before it empties staging, whatever was true at its start", async () => {
    const queries: string[] = [];
    const client = { query: async (text: string) => void queries.push(text) } as unknown as Parameters<
      typeof resetStaging
    >[0];
    const gate = () => Promise.reject(new Error("closed"));
    await expect(resetStaging(client, silentLog, gate)).rejects.toThrow("closed");
    expect(queries).toEqual([]);
  });
});
