import { afterAll, beforeAll, expect, test } from "vitest";
import { noteRemoval } from "../../actions/lib/operations/retention/removal-note.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { signingKey } from "../../actions/lib/vault/configured.ts";
import { newSetId, type Tier } from "../../actions/lib/vault/format/manifest.ts";
import { placeHold } from "../../actions/lib/vault/holds/place.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { encodeManifest, publishSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { storeUnpublished } from "../faults/proxy/test-manifest.ts";
import { PLANTED_EMAIL } from "../lab/index.ts";
import { replicate } from "../lab/replicate.ts";
import { openStoreOfYears, type StoreOfYears } from "../lab/retention/store-of-years.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import type { ActRun, Checkout } from "./checkout.ts";
import { expectUntold, openWorkflowLab, type WorkflowLab } from "./workflow-lab.ts";

/** The weekly removal as act runs it, over sets that their store says it has had for months. */

const day = 86_400_000;
const terms = { daily: 30, weekly: 84, monthly: 2557 };
let workflows: WorkflowLab;
let checkout: Checkout;
let years: StoreOfYears;

beforeAll(async () => {
  workflows = await openWorkflowLab("act_retention");
  years = await openStoreOfYears(sharedS3().endpoint);
  const tiers = Object.entries(terms).map(([tier, retentionDays]) => [tier, { retentionDays, lock: "none" }]);
  const retention = { keepNewest: 1, staleDays: 7, staleProofDays: null };
  checkout = workflows.repository({ policy: { tiers: Object.fromEntries(tiers), retention } });
});
afterAll(async () => {
  await years?.close();
  await workflows?.[Symbol.asyncDispose]();
});

/** A vault of verified sets, each so many days old, and its replica. */
async function vaultOf(...ages: number[]): Promise<{ vault: Vault; replica: Vault; sets: string[] }> {
  const name = `retention-${process.pid}-${Date.now()}`;
  const [vault, replica] = [await workflows.newVault(name), await workflows.newVault(`${name}-replica`)];
  const key = await signingKey(await workflows.lab.config("postgres://nobody@127.0.0.1/unused"));
  const sets: string[] = [];
  for (const age of ages) {
    const at = new Date(Date.now() - age * day);
    const [set, tier, time]: [string, Tier, string] = [newSetId(at), "daily", at.toISOString()];
    const made = await storeUnpublished(vault, tier, set);
    const times = { startedAt: time, snapshotAt: time, finishedAt: time };
    const bytes = encodeManifest({ ...made, ...times, readBack: true, policy: { terms } });
    const lease = { async assertHeld() {} };
    await publishSet(vault, { tier, set }, bytes, await signDetached(bytes, key), { lease });
    sets.push(set);
  }
  const client = sharedS3().client();
  await replicate({ client, bucket: vault.bucket }, { client, bucket: replica.bucket });
  client.destroy();
  return { vault, replica, sets };
}

async function runsOn({ vault, replica }: { vault: Vault; replica: Vault }): Promise<ActRun> {
  // Retention holds no key.
  const { BACKUP_SIGNING_KEY: _key, BACKUP_SIGNING_PASSPHRASE: _passphrase, ...keyless } = workflows.secrets;
  const { accessKeyId, secretAccessKey } = sharedS3();
  const secrets = {
    ...{ ...keyless, S3_BACKUP_BUCKET: vault.bucket, AWS_ENDPOINT_URL: years.url, S3_REPLICA_ENDPOINT_URL: years.url },
    ...{ S3_REPLICA_ACCESS_KEY_ID: accessKeyId, S3_REPLICA_SECRET_ACCESS_KEY: secretAccessKey },
  };
  const vars = { S3_REPLICA_BUCKET: replica.bucket, S3_REPLICA_REGION: "us-east-1" };
  const done = await checkout.run("retention", { name: "schedule", env: workflows.runner, secrets, vars });
  expectUntold(done.output, secrets, ["AWS_SECRET_ACCESS_KEY", "DATABASE_URL"], [PLANTED_EMAIL]);
  return done;
}

/** Ids of sets of which anything is left. */
async function left(vault: Vault): Promise<string[]> {
  const versions = await versionsBelow(vault.transport, "database/");
  return [...new Set(versions.map(({ key }) => key.split("/")[2] ?? ""))].sort();
}

test("exactly what is beyond its term goes, a held set stays and is named; the replica lets go of what the vault let go of last month", async () => {
  const scene = await vaultOf(60, 50, 45, 40, 0.1);
  const { vault, replica } = scene;
  const [lastMonth = "", held = "", over = "", alsoOver = "", fresh = ""] = scene.sets;
  // A run of ten days ago said so, and removed it.
  await noteRemoval(replica, Date.now() - 10 * day, { sets: [{ tier: "daily", set: lastMonth }], snapshots: [] });
  await deleteVersions(vault.transport, await versionsBelow(vault.transport, `database/daily/${lastMonth}/`));
  await hold(scene, held);

  const done = await runsOn(scene);
  expect(done.code, done.output).toBe(0);
  expect(await left(vault)).toEqual([held, fresh].sort());
  expect(await left(replica)).toEqual([held, over, alsoOver, fresh].sort());
  expect(done.output).toMatch(new RegExp(`${held}[^\\n]*appeal against an exam`));
  expect(done.output).toMatch(/Retention of the replica/);
}, 300_000);

test("while backups fail nothing goes from either side, and it says why", async () => {
  const scene = await vaultOf(60, 50, 9);
  const { vault, replica, sets } = scene;
  await noteRemoval(replica, Date.now() - 10 * day, { sets: [{ tier: "daily", set: sets[0] ?? "" }], snapshots: [] });
  await deleteVersions(vault.transport, await versionsBelow(vault.transport, `database/daily/${sets[0]}/`));
  const done = await runsOn(scene);
  expect(done.code, done.output).toBe(0);
  expect(await left(vault)).toEqual(sets.slice(1));
  expect(await left(replica)).toEqual(sets);
  expect(done.output).toMatch(/None is removed: the newest verified set is 9 days old: backups are failing/);
}, 300_000);

async function hold({ vault, replica }: { vault: Vault; replica: Vault }, set: string): Promise<void> {
  const key = await signingKey(await workflows.lab.config("postgres://nobody@127.0.0.1/unused"));
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, workflows.lab.signers);
  const subject = { kind: "database", tier: "daily", set, files: null } as const;
  const common = { format: "lifeboat-hold/1", event: "begin", id: newSetId(new Date()), by: "a test" } as const;
  const begin = { ...common, at: new Date().toISOString(), subject, reason: "appeal against an exam", until: null };
  const vaults = { database: vault, files: null, replica };
  const sign = (bytes: Uint8Array) => signDetached(bytes, key);
  // The entry comes to the replica as everything does; then the hold is completed there.
  for (const _ of [1, 2]) {
    await placeHold(begin, { vaults, verify, sign });
    const client = sharedS3().client();
    await replicate({ client, bucket: vault.bucket }, { client, bucket: replica.bucket });
    client.destroy();
  }
}
