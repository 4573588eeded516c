import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HandOver } from "../../actions/lib/operations/recover/complete-loss/hand-over.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "../faults/proxy/http-proxy.ts";
import { createProject, dropProject, dropQimmaRoles } from "../lab/index.ts";
import { replicate } from "../lab/replicate.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { addProject } from "../lab/supabase-api/index.ts";
import { keysIn } from "./backup-lab.ts";
import { type LossLab, openLossLab } from "./loss-lab.ts";

/** Recoveries that cannot go the usual way: into a target that a person has made, and from the replica when the vault's region is gone. */

let lab: LossLab;
let replica: string;
let proxy: HttpFaultProxy;
const sets: string[] = [];

beforeAll(async () => {
  lab = await openLossLab("elsewhere_project", { files: { count: 8, bytes: 40_000, seed: 2 } });
  sets.push(await lab.backUp(), await lab.backUp());
  replica = `${lab.sets.bucket}-replica`;
  const s3 = sharedS3();
  await s3.createBucket(replica);
  const client = s3.client();
  for (const bucket of [lab.sets.bucket, lab.filesBucket])
    await replicate({ client, bucket }, { client, bucket: replica });
  client.destroy();
  proxy = await startHttpFaultProxy(s3.endpoint);
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

test("into a target that a person has made nothing is made or resized, and its files need no S3 key", async () => {
  const superuser = lab.cluster.superuserUrl();
  const byHand = await createProject(superuser, "made_by_hand");
  const project = addProject(lab.supabase.world, { name: "by hand", region: "us-east-1" });
  await lab.backing.adopt(project, byHand);
  const env = { TARGET_DATABASE_URL: byHand.postgresUrl, TARGET_PROJECT_REF: project.ref };
  const before = lab.made().length;
  const { told } = await lab.recover({ scenario: "complete-loss", target: "default" }, { env });
  const over = told.result as HandOver;
  expect(over.outcome, over.wrong.join("\n")).toBe("recovered");
  expect(over.restored.files).toMatchObject({ outcome: "equal", count: 8 });
  expect(over.project).toMatchObject({ ref: project.ref });
  expect(over.phases.map(({ name }) => name)).not.toContain("make the project");
  expect(lab.made()).toHaveLength(before);
  expect(lab.supabase.requests.filter((request) => /^POST \/v1\/projects(?:$|.*\/config\/disk)/.test(request))).toEqual(
    [],
  );
  lab.supabase.world.projects.delete(project.ref);
  await lab.backing.remove(project);
  await dropProject(superuser, byHand.name);
  await dropQimmaRoles(superuser);
}, 300_000);

test("with the vault's region gone it comes back in another one from a replica that can only be read: the newest set that is whole, the state in a folder", async () => {
  using bucket = openVault(sharedS3().bucketAccess(replica));
  const damaged = (await keysIn(bucket, `database/daily/${sets[1]}/data/`))[0] ?? "";
  await bucket.put(damaged, Buffer.from("not what was written"));
  proxy.answer({ method: "PUT", times: Number.POSITIVE_INFINITY }, 403, "AccessDenied");
  const { accessKeyId, secretAccessKey } = sharedS3();
  const env = {
    ...{ AWS_ENDPOINT_URL: "http://127.0.0.1:9", S3_REPLICA_BUCKET: replica, S3_REPLICA_REGION: "us-east-1" },
    ...{ S3_REPLICA_ENDPOINT_URL: proxy.url, S3_REPLICA_ACCESS_KEY_ID: accessKeyId },
    S3_REPLICA_SECRET_ACCESS_KEY: secretAccessKey,
  };
  // Its trail is in the region that is gone: a recovery goes on without it only when a person says so.
  const unsaid = { scenario: "regional-disaster", region: "eu-central-1" };
  await expect(lab.recover(unsaid, { env })).rejects.toMatchObject({ code: "audit-unwritten" });
  expect(lab.made()).toEqual([]);
  const disaster = { ...unsaid, withoutAudit: "the vault's region is gone" };
  const { told, lines } = await lab.recover(disaster, { env });
  const over = told.result as HandOver;
  expect(over.outcome, over.wrong.join("\n")).toBe("recovered");
  expect(over).toMatchObject({ set: sets[0], project: { region: "eu-central-1" } });
  expect(over.restored.passedOver).toMatchObject([{ set: sets[1], why: expect.stringContaining("is damaged") }]);
  expect(over.restored.files).toMatchObject({ outcome: "equal" });
  expect(lab.made()).toMatchObject([{ region: "eu-central-1" }]);
  expect(lines.join("\n")).toContain("Take it up on this machine");
  const folder = join(lab.sets.folder, "lifeboat", "recoveries");
  expect(await readdir(folder)).toEqual([over.recovery]);
  const state = await readFile(join(folder, over.recovery, "state.json.pgp"));
  expect(state.includes(lab.made()[0]?.password ?? "")).toBe(false);
  expect(await keysIn(bucket, "recoveries/")).toEqual([]);
  // The folder is believed like a bucket: once more by mistake makes nothing.
  await expect(lab.recover(disaster, { env })).rejects.toMatchObject({ code: "recovery-done" });
  const lost = {
    env: { ...env, LIFEBOAT_POLICY: await lab.policyWith({ promises: { supabase: { region: "eu-central-1" } } }) },
  };
  await expect(lab.recover({ ...disaster, again: true }, lost)).rejects.toMatchObject({ code: "region-lost" });
  expect(lab.made()).toHaveLength(1);
}, 300_000);

test("where a project shows no keys the database comes back, and that its files did not is said", async () => {
  const superuser = lab.cluster.superuserUrl();
  for (const project of lab.made()) {
    lab.supabase.world.projects.delete(project.ref);
    await lab.backing.remove(project);
  }
  await dropQimmaRoles(superuser);
  lab.supabase.world.faults.inject({ kind: { status: 200, json: [] }, on: /api-keys/ });
  const { told } = await lab.recover({ scenario: "complete-loss", again: true });
  const over = told.result as HandOver;
  expect(over.restored).toMatchObject({ outcome: "equal", files: null });
  expect(over.outcome).toBe("differs");
  expect(over.wrong).toEqual([expect.stringContaining("8 files did not come back: no way to write them")]);
  expect(told.failure?.code).toBe("recovered-differs");
}, 300_000);
