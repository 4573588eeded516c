import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FailureLab, openFailureLab } from "../integration/failure-lab.ts";
import { execute, PLANTED_EMAIL, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { type ActRun, type Checkout, checkOut } from "./checkout.ts";
import { expectUntold, secretsIn } from "./workflow-lab.ts";

/** The button for a disaster that takes production back to a moment, as act runs it against the simulated Supabase. */

let lab: FailureLab;
let checkout: Checkout;
/** Of the environments `backup` and `restore`: none has the other's key. */
let secrets: { readonly backup: Record<string, string>; readonly restore: Record<string, string> };

beforeAll(async () => {
  lab = await openFailureLab(5);
  await lab.backUp();
  checkout = checkOut(JSON.parse(readFileSync(String(lab.env["LIFEBOAT_POLICY"]), "utf8")), lab.sets.publicKeys);
  const { XDG_STATE_HOME, RESTORE_PRIVATE_KEY, ...backup } = secretsIn(lab.env);
  const { BACKUP_SIGNING_KEY, BACKUP_SIGNING_PASSPHRASE, ...shared } = backup;
  secrets = { backup, restore: { ...shared, RESTORE_PRIVATE_KEY: RESTORE_PRIVATE_KEY ?? "" } };
}, 240_000);
afterAll(async () => {
  checkout?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

const runner = () => ({ LIFEBOAT_PG_BIN: sharedPostgres(17).binDir });
const press = (inputs: Record<string, string>): Promise<ActRun> =>
  checkout.run("restore", {
    ...{ name: "workflow_dispatch", env: runner(), secrets: secrets.restore },
    inputs: { scenario: "database-failure", ...inputs },
  });
const requests = () => lab.supabase.requests.filter((request) => request.includes("restore-pitr")).length;
const exams = async () =>
  (await withClient(lab.source.superuserUrl, (client) => client.query("select count(*)::int as n from public.exams")))
    .rows[0].n as number;

test("it asks Supabase once, after a set under the incident's mark, when the ref is typed; and proves it from inside", async () => {
  const before = await exams();
  const at = await lab.moment();
  await execute(lab.source.superuserUrl, "truncate public.exams cascade");
  await lab.sentinel();

  const rehearsed = await press({ at });
  expect(rehearsed.code, rehearsed.output).toBe(0);
  expect(rehearsed.output).toContain("Nothing was changed");
  expect(rehearsed.output).not.toContain("Run Main Play the scenario");

  const { ref } = lab.production;
  const untyped = await press({ at, write: "true" });
  expect(untyped.code).not.toBe(0);
  expect(untyped.output).toMatch(/::error[^\n]*This overwrites project/);

  // The restore's key signs no set: what is there now is not overwritten before there is one.
  const setless = await press({ at, production: ref, write: "true" });
  expect(setless.code, setless.output).toBe(1);
  expect(setless.output).toMatch(/::error[^\n]*No set could be made of what is there now/);
  expect(setless.output).toContain("Press the button `incident`");
  expect(requests()).toBe(0);

  const incident = await checkout.run("incident", {
    ...{ name: "workflow_dispatch", env: runner(), secrets: secrets.backup },
    inputs: { action: "begin", reason: "exams are gone" },
  });
  expect(incident.code, incident.output).toBe(0);

  const ended = await press({ at, production: ref, write: "true" });
  expect(ended.code, ended.output).toBe(0);
  expect(ended.output).toMatch(/is back at [^\n]* proven from inside/);
  expect(ended.output).not.toContain("Run Main Restore");
  expect(requests()).toBe(1);
  expect(await exams()).toBe(before);
  expect(lab.made()).toEqual([]);

  // Nothing is removed that no recovery has made, nor when the ref was left out.
  const none = await press({ do: "remove-project", write: "true" });
  expect(none.code).toBe(1);
  expect(none.output).toMatch(/::error[^\n]*remove-project needs which[^\n]*Nothing was done/);

  const kept = ["RESTORE_PRIVATE_KEY", "AWS_SECRET_ACCESS_KEY", "SUPABASE_ACCESS_TOKEN", "DATABASE_URL"];
  for (const { output } of [rehearsed, setless, ended]) expectUntold(output, secrets.restore, kept, [PLANTED_EMAIL]);
}, 900_000);
