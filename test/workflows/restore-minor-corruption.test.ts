import { afterAll, beforeAll, expect, test } from "vitest";
import { backUp } from "../integration/backup-lab.ts";
import { execute, withClient } from "../lab/index.ts";
import type { ActRun, Checkout } from "./checkout.ts";
import { expectUntold, openWorkflowLab, type WorkflowLab } from "./workflow-lab.ts";

/** The button's scenario for rows as act runs it: a rehearsal leaves a plan, and only the plan that was read is applied. */

const ref = "abcdefghijklmnopqrst";
const planted = "A title that nobody may see";
let workflows: WorkflowLab;
let checkout: Checkout;
let secrets: Record<string, string>;
let set: string;
let transaction: string;

beforeAll(async () => {
  workflows = await openWorkflowLab("act_repaired");
  const { lab, project } = workflows;
  await execute(
    project.postgresUrl,
    `create table public.books (id int primary key, title text, seen int);
     insert into public.books select n, '${planted} ' || n, 0 from generate_series(1, 300) n`,
  );
  ({ set } = await backUp(lab, project.backupUrl));
  transaction = await withClient(project.postgresUrl, async (client) => {
    const { rows } = await client.query("update public.books set title = 'lost' returning txid_current()::text as id");
    return rows[0].id;
  });
  await execute(project.postgresUrl, "update public.books set seen = 1 where id <= 20");
  checkout = workflows.repository();
  const { BACKUP_SIGNING_KEY, BACKUP_SIGNING_PASSPHRASE, ...held } = workflows.secrets;
  secrets = { ...held, RESTORE_PRIVATE_KEY: lab.operations.key.armor(), TARGET_DATABASE_URL: project.postgresUrl };
});
afterAll(async () => {
  await workflows?.[Symbol.asyncDispose]();
});

async function press(inputs: Record<string, string>): Promise<ActRun> {
  const ended = await checkout.run("restore", {
    ...{ name: "workflow_dispatch", env: workflows.runner, secrets },
    vars: { SUPABASE_PROJECT_REF: ref, TARGET_PROJECT_REF: ref },
    inputs: { scenario: "minor-corruption", production: ref, ...inputs },
  });
  const kept = ["RESTORE_PRIVATE_KEY", "AWS_SECRET_ACCESS_KEY", "TARGET_DATABASE_URL", "DATABASE_URL"];
  expectUntold(ended.output, secrets, kept, [planted]);
  return ended;
}

const damage = async () => {
  const sql = "select count(*)::int as n from public.books where title = 'lost'";
  return (await withClient(workflows.project.postgresUrl, (client) => client.query(sql))).rows[0].n;
};
const plan = ({ output }: ActRun) => ({
  id: /Plan (\d{8}T\d{6}Z-[0-9a-f]{8})/.exec(output)?.[1] ?? "",
  hash: /hash ([0-9a-f]{16})/.exec(output)?.[1] ?? "",
});

test("without the number of rows nothing is written, and inputs of another scenario are refused", async () => {
  const chosen = { set, table: "public.books", transaction };
  expect((await press({ ...chosen, write: "true" })).output).toContain("expect-rows");
  expect((await press({ ...chosen, region: "eu-central-1" })).output).toContain("go with other scenarios");
  const other = await press({ ...chosen, scenario: "restore-a-set" });
  expect(other.output).toContain("go with minor-corruption");
  expect(other.code).toBe(1);
  expect(await damage()).toBe(300);
}, 300_000);

test("a dry run leaves a plan; another plan is refused; the one that was read is applied, and taken back", async () => {
  const dry = await press({ set, table: "public.books", transaction });
  expect(dry.code, dry.output).toBe(0);
  expect(dry.output).not.toContain("Run Main Repair");
  const { id, hash } = plan(dry);
  expect(id).not.toBe("");
  expect(await damage()).toBe(300);

  const refused = await press({ do: "apply", which: id, "plan-hash": "0123456789abcdef", write: "true" });
  expect(refused.code).toBe(1);
  expect(refused.output).toContain("plan-other");
  expect(await damage()).toBe(300);

  const applied = await press({ do: "apply", which: id, "plan-hash": hash, write: "true" });
  expect(applied.code, applied.output).toBe(0);
  // What somebody has written since is kept.
  expect(await damage()).toBe(20);

  const undone = await press({ do: "undo", which: id, write: "true" });
  expect(undone.code, undone.output).toBe(0);
  expect(await damage()).toBe(300);
}, 600_000);

test("pressed to write, it applies the very plan of the job before", async () => {
  const chosen = { set, table: "public.books", rows: "all-that-differ", columns: "title", write: "true" };
  const other = await press({ ...chosen, "expect-rows": "299" });
  expect(other.code).toBe(1);
  expect(await damage()).toBe(300);
  const ended = await press({ ...chosen, "expect-rows": "300" });
  expect(ended.code, ended.output).toBe(0);
  expect(await damage()).toBe(0);
}, 600_000);
