import { afterAll, beforeAll, expect, test } from "vitest";
import { backUp, keysIn } from "../integration/backup-lab.ts";
import { isUntouched } from "../integration/restore-lab.ts";
import { createProject, execute, type LabProject, PLANTED_EMAIL, seedQimma, withClient } from "../lab/index.ts";
import { replicate } from "../lab/replicate.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import type { ActRun, Checkout, Event } from "./checkout.ts";
import { expectUntold, openWorkflowLab, type WorkflowLab } from "./workflow-lab.ts";

/** The button for a disaster as act runs it: a rehearsal, then the restore, into a project on a server of its own. */

let workflows: WorkflowLab;
let cluster: RunningPostgres;
let target: LabProject;
let checkout: Checkout;
let secrets: Record<string, string>;

beforeAll(async () => {
  workflows = await openWorkflowLab("act_restored");
  const { lab, project } = workflows;
  await seedQimma(project.postgresUrl, { bytes: 300_000, seed: 12 });
  await backUp(lab, project.backupUrl);
  cluster = await startPostgres(17);
  target = await createProject(cluster.superuserUrl(), "target");
  checkout = workflows.repository();
  const { BACKUP_SIGNING_KEY, BACKUP_SIGNING_PASSPHRASE, ...held } = workflows.secrets;
  secrets = { ...held, RESTORE_PRIVATE_KEY: lab.operations.key.armor(), TARGET_DATABASE_URL: target.postgresUrl };
});
afterAll(async () => {
  await cluster?.stop();
  await workflows?.[Symbol.asyncDispose]();
});

function press(
  inputs: Record<string, string>,
  { from = checkout, ...more }: { from?: Checkout } & Partial<Event> = {},
): Promise<ActRun> {
  return from.run("restore", { name: "workflow_dispatch", inputs, env: workflows.runner, secrets, ...more });
}

function expectNoSecret({ output }: ActRun): void {
  const kept = ["RESTORE_PRIVATE_KEY", "AWS_SECRET_ACCESS_KEY", "TARGET_DATABASE_URL", "DATABASE_URL"];
  expectUntold(output, secrets, kept, [PLANTED_EMAIL]);
}

test("a branch that nobody has reviewed restores nothing and gets no keys", async () => {
  const ended = await press({ write: "true" }, { from: workflows.repository({ branch: "somebody-s" }) });
  expect(ended.code).toBe(0);
  expect(ended.output).not.toContain("Run Main");
});

test("without the word to write it rehearses, and nothing is touched", async () => {
  const ended = await press({});
  expect(ended.output).toMatch(/Rehearse.*Job succeeded/s);
  expect(ended.code).toBe(0);
  expect(ended.output).not.toContain("Run Main Restore");
  expect(await isUntouched(target.superuserUrl)).toBe(true);
  expectNoSecret(ended);
});

test("a rehearsal that finds an occupied target ends it: the job that writes does not begin", async () => {
  await execute(target.postgresUrl, "create table public.in_the_way (n int)");
  const ended = await press({ write: "true" });
  expect(ended.code).toBe(1);
  expect(ended.output).toMatch(/::error[^\n]*runbooks\/restore-failed\.md/);
  expect(ended.output).not.toContain("Run Main Restore");
  await execute(target.postgresUrl, "drop table public.in_the_way");
  expect(await isUntouched(target.superuserUrl)).toBe(true);
  expectNoSecret(ended);
});

test("after the rehearsal it restores the set, compares it, and leaves a report of both", async () => {
  const ended = await press({ write: "true" });
  expect(ended.output).toContain("Run Main Restore");
  expect(ended.code, ended.output).toBe(0);
  expect(await peopleIn(target)).toBeGreaterThan(0);
  const reports = (await keysIn(workflows.lab.vault, "reports/")).filter((key) => key.includes("-restore-restore-"));
  expect(reports.length).toBeGreaterThan(0);
  expectNoSecret(ended);
}, 300_000);

test("with the vault out of reach it restores from the replica, when it is asked to", async () => {
  const replica = await workflows.newVault(`${workflows.lab.bucket}-replica`);
  const s3 = sharedS3();
  const client = s3.client();
  await replicate({ client, bucket: workflows.lab.bucket }, { client, bucket: replica.bucket });
  client.destroy();
  const elsewhere = await createProject(cluster.superuserUrl(), "target_of_replica");
  const lost = {
    // Nothing listens there.
    ...{ ...secrets, AWS_ENDPOINT_URL: "http://127.0.0.1:9", TARGET_DATABASE_URL: elsewhere.postgresUrl },
    ...{ S3_REPLICA_ENDPOINT_URL: s3.endpoint, S3_REPLICA_ACCESS_KEY_ID: s3.accessKeyId },
    ...{ S3_REPLICA_SECRET_ACCESS_KEY: s3.secretAccessKey },
  };
  const vars = { S3_REPLICA_BUCKET: replica.bucket, S3_REPLICA_REGION: "us-east-1" };
  const missed = await press({ write: "true" }, { secrets: lost, vars });
  expect(missed.code).toBe(1);
  expect(missed.output).toContain("--from replica");
  expect(await isUntouched(elsewhere.superuserUrl)).toBe(true);
  // Its audit trail is out of reach with it.
  const unsaid = await press({ write: "true", from: "replica" }, { secrets: lost, vars });
  expect(unsaid.code).toBe(1);
  expect(unsaid.output).toContain("--without-audit");
  expect(await isUntouched(elsewhere.superuserUrl)).toBe(true);
  const inWords = { write: "true", from: "replica", "without-audit": "the region is gone" };
  const ended = await press(inWords, { secrets: lost, vars });
  expect(ended.code, ended.output).toBe(0);
  expect(await peopleIn(elsewhere)).toBeGreaterThan(0);
  expectNoSecret(ended);
}, 300_000);

async function peopleIn({ superuserUrl }: LabProject): Promise<number> {
  const answer = await withClient(superuserUrl, (client) =>
    client.query("select count(*)::int as people from auth.users"),
  );
  return answer.rows[0]?.people;
}
