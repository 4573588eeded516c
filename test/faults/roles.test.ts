import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { readInputs } from "../../actions/lib/edge/inputs.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import { loadOperations } from "../../actions/lib/operations/catalogue.ts";
import { checkDeletion } from "../../actions/lib/operations/check/standing-rows.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { runList } from "../../actions/lib/operations/escrow/run-list.ts";
import { runPut } from "../../actions/lib/operations/escrow/run-put.ts";
import { runHold } from "../../actions/lib/operations/hold/run-hold.ts";
import { runRelease } from "../../actions/lib/operations/release/run-release.ts";
import { applyRetention } from "../../actions/lib/operations/retention/apply-retention.ts";
import { verifyFiles } from "../../actions/lib/operations/verify/files/verify-files.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import type { RoleName } from "../../actions/lib/policy/cloud/roles.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { newSetId } from "../integration/assembled-set.ts";
import { backUp, keysIn } from "../integration/backup-lab.ts";
import { restoreInto, told } from "../integration/restore-lab.ts";
import { openSyncLab, type SyncLab } from "../integration/sync-lab.ts";
import { policyOf } from "../lab/iam/role-policy.ts";
import { createProject, dropProject, execute } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { seedFiles } from "../lab/storage/index.ts";
import { type RoleGate, startRoleGate } from "./proxy/role-gate.ts";

/** Jobs at work under the policies of `policy/cloud/roles`: each does all of its work, and asks for nothing else. */

const dead = newSetId();
let lab: SyncLab;
let buckets: { database: string; files: string };
beforeAll(async () => {
  lab = await openSyncLab({
    policy: (policy) => ({ ...policy, storage: { smallFileBytes: 30_000, packBytes: 60_000, concurrency: 4 } }),
  });
  await execute(
    lab.project.postgresUrl,
    "create table grades (id int primary key); insert into grades values (1), (2)",
  );
  await seedFiles(lab.project, lab.storage, { count: 12, bytes: 400_000, seed: 5 });
  buckets = { database: lab.lab.bucket, files: lab.lab.bucket };
  // What runs that died have left.
  await lab.lab.vault.put(`${setPrefix("daily", dead)}keys.pgp`, Buffer.from("of a run that died"));
  await lab.sync({ part: { has: () => true } });
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const gateOf = (role: RoleName): Promise<RoleGate> => startRoleGate(sharedS3().endpoint, policyOf(role, buckets));

function through({ url }: RoleGate): Vault {
  return openVault({ ...sharedS3().bucketAccess(lab.lab.bucket), endpoint: url });
}

test("backups of every kind and syncs do all their work with a role that may delete nothing", async () => {
  await using gate = await gateOf("backup");
  using vault = through(gate);
  const grade = [{ key: "leases/x", versionId: "1" }];
  expect((await deleteVersions(vault.transport, grade)).kept).toMatchObject([{ code: "AccessDenied" }]);
  const before = gate.refused.length;
  const config = await lab.lab.config(lab.project.backupUrl, { AWS_ENDPOINT_URL: gate.url });
  for (const tier of ["daily", "weekly", "monthly"] as const) {
    expect(await backUp(lab.lab, lab.project.backupUrl, { config, tier })).toMatchObject({ tier, alarms: [] });
  }
  expect(await lab.sync({}, { AWS_ENDPOINT_URL: gate.url })).toMatchObject({ failure: null, counts: { files: 12 } });
  await lab.sql("delete from storage.objects where name = (select min(name) from storage.objects)");
  const again = await lab.sync({ acceptShrinkage: true }, { AWS_ENDPOINT_URL: gate.url });
  expect(again).toMatchObject({ failure: null, counts: { files: 11, filesCopied: 0 } });
  expect(gate.refused.slice(before)).toEqual([]);
  expect(await checkDeletion(vault, "database")).toMatchObject({ status: "ok" });
  expect(await checkDeletion(vault, "files")).toMatchObject({ status: "ok" });
  expect((await versionsBelow(lab.lab.vault.transport, "leases/")).length).toBeGreaterThan(10);
});

test("retention removes what they have left, with a role that writes no set, and all stays whole", async () => {
  await using gate = await gateOf("retention");
  using vault = through(gate);
  const { policy } = await lab.lab.config(lab.project.backupUrl);
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.lab.signers);
  const now = new Date(Date.now() + 25 * 3_600_000);
  const storeTime = async () => now;
  const { database, files } = await applyRetention({
    ...{ database: vault, files: vault, policy, verify, verifyRelease: verify, dryRun: false, log: silentLog },
    ...{ now, storeTime },
  });
  expect(database).toMatchObject({ removals: { finished: [{ set: dead }] }, alarms: [], keptBack: 0 });
  expect(files).toMatchObject({ alarms: [], keptBack: 0, plan: { heldBack: null } });
  expect(gate.refused).toEqual([]);
  const stays = await versionsBelow(lab.lab.vault.transport, "");
  for (const what of ["database", "files"] as const)
    expect(await checkDeletion(vault, what)).toMatchObject({
      status: "warn",
      next: expect.stringContaining("access.yml"),
    });
  expect(await versionsBelow(lab.lab.vault.transport, "")).toEqual(stays);
  expect(await keysIn(lab.lab.vault)).not.toContain(`${setPrefix("daily", dead)}keys.pgp`);
  expect((await keysIn(lab.lab.vault)).filter((key) => key.includes("/journal/"))).toEqual([]);
  // Of each lease the last word, whatever was said before and while retention itself held it.
  const trail = await versionsBelow(lab.lab.vault.transport, "leases/");
  expect(trail.length).toBeLessThanOrEqual(4 * new Set(trail.map(({ key }) => key)).size);
});

test("the prover reads and opens everything, and remembers how far it came", async () => {
  await using gate = await gateOf("proving");
  using vault = through(gate);
  const trustedSigners = lab.lab.signers;
  const privateKey = lab.lab.prover;
  // Vault's secrets are not the prover's to open.
  expect(await verifySet(vault, "latest", { trustedSigners, deep: true, privateKey }, silentLog)).toMatchObject({
    outcome: "whole",
    findings: [{ code: "secrets-closed" }],
  });
  const { signers: readers } = await readKeyring(lab.lab.publicKeys);
  const options = { trustedSigners, lockDays: 60, sets: vault, deep: { privateKey, readers, share: 1 } };
  const files = await verifyFiles(vault, "latest", options, silentLog);
  expect(files).toMatchObject({ outcome: "whole", findings: [], opened: { contents: 11 } });
  expect(gate.refused).toEqual([]);
});

test("who holds needs to read, to add to the register and to set legal holds, and no more", async () => {
  await using gate = await gateOf("hold");
  const env = {
    ...{ AWS_ENDPOINT_URL: gate.url, S3_STORAGE_BUCKET: lab.lab.bucket },
    RESTORE_PRIVATE_KEY: lab.lab.operations.key.armor(),
  };
  const config = await loadConfig({
    needs: ["vault", "storageVault"],
    env: { ...lab.lab.env(lab.project.backupUrl), ...env },
  });
  const run = { workflow: "by-hand", runId: "1", attempt: 1, url: null, event: "by-hand" };
  using context = new Context({ config, log: silentLog, signal: new AbortController().signal, run });
  const held = await runHold(context, { set: "latest", reason: "x", until: null, files: false, dryRun: false });
  expect(held.parts.flatMap(({ failed }) => failed)).toEqual([]);
  expect(held.parts).toMatchObject([{ kind: "database", changed: expect.any(Number) }]);
  const released = await runRelease(context, { set: held.hold.subject.set, reason: "x", dryRun: false });
  expect(released.parts).toMatchObject([{ changed: held.parts[0]?.held, failed: [] }]);
  expect(gate.refused).toEqual([]);
});

test("who has what only the owner has puts it into escrow and lists it, and needs to write nowhere else", async () => {
  await using gate = await gateOf("escrow");
  const env = { AWS_ENDPOINT_URL: gate.url, RESTORE_PRIVATE_KEY: lab.lab.operations.key.armor() };
  const config = await loadConfig({
    needs: ["vault", "opening"],
    env: { ...lab.lab.env(lab.project.backupUrl), ...env },
  });
  const run = { workflow: "by-hand", runId: "1", attempt: 1, url: null, event: "by-hand" };
  using context = new Context({ config, log: silentLog, signal: new AbortController().signal, run });
  const file = join(lab.lab.folder, "value");
  await writeFile(file, "a value");
  const put = await runPut(context, { name: "secret:KEY", file, dryRun: false });
  expect(put).toMatchObject({ outcome: "put", lockedUntil: expect.any(Date) });
  expect((await runList(context)).rows).toMatchObject([{ name: "secret:KEY", id: put.id }]);
  expect(gate.refused).toEqual([]);
});

test("an incident begins, keeps evidence and holds what is good with a role that deletes nothing, and ends by the restore's", async () => {
  const verb = (await loadOperations()).find(({ name }) => name === "incident");
  if (verb === undefined) throw new Error("There is no incident.");
  const run = (gate: RoleGate, given: Record<string, string | boolean>, change: Record<string, string> = {}) =>
    runOperation(verb, readInputs(verb, "command", given), {
      env: {
        ...lab.lab.env(lab.project.backupUrl),
        AWS_ENDPOINT_URL: gate.url,
        S3_STORAGE_BUCKET: lab.lab.bucket,
        ...change,
      },
      ...{ log: silentLog, signal: new AbortController().signal },
    });
  await using begins = await gateOf("incident");
  const begun = await run(begins, { action: "begin", reason: "keys were stolen", "no-set": true });
  expect(begins.refused).toEqual([]);
  expect(begun.failure).toBeUndefined();
  // Its environment has no reviewers: it cannot end what it has begun, neither by its key nor, with a person's, by its role.
  await expect(run(begins, { action: "end", reason: "never mind" })).rejects.toMatchObject({
    code: "signing-key-missing",
  });
  const stolen = { RESTORE_PRIVATE_KEY: lab.lab.operations.key.armor() };
  await expect(run(begins, { action: "end", reason: "never mind" }, stolen)).rejects.toMatchObject({
    code: "s3-denied",
  });
  expect((await run(begins, {})).result).toMatchObject({ on: true });
  await using ends = await gateOf("restore");
  const operations = { BACKUP_SIGNING_KEY: "", RESTORE_PRIVATE_KEY: lab.lab.operations.key.armor() };
  expect((await run(ends, { action: "end", reason: "all keys are new" }, operations)).result).toMatchObject({
    outcome: "ended",
  });
  expect(ends.refused).toEqual([]);
});

test("a restore needs to read, and no more", async () => {
  await using gate = await gateOf("restore");
  const server = sharedPostgres(17);
  const name = `roles_target_${process.pid}`;
  const target = await createProject(server.superuserUrl(), name);
  try {
    const result = await restoreInto(lab.lab, target.postgresUrl, { env: { AWS_ENDPOINT_URL: gate.url } });
    expect(told(result, "failed")).toEqual([]);
    expect(gate.refused).toEqual([]);
  } finally {
    await dropProject(server.superuserUrl(), name);
  }
});

test("who monitors and publishes reports can make no backup, and is told which right is missing", async () => {
  await using gate = await gateOf("monitor");
  const before = await keysIn(lab.lab.vault);
  const config = await lab.lab.config(lab.project.backupUrl, { AWS_ENDPOINT_URL: gate.url });
  await expect(backUp(lab.lab, lab.project.backupUrl, { config })).rejects.toMatchObject({
    code: "preflight-failed",
    message: expect.stringContaining("s3:PutObject"),
  });
  expect(await keysIn(lab.lab.vault)).toEqual(before);
});
