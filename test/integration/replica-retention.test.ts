import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { type Policy, policySchema } from "../../actions/lib/config/policy/policy.ts";
import { applyReplicaRetention } from "../../actions/lib/operations/retention/apply-replica.ts";
import { applyRetention } from "../../actions/lib/operations/retention/apply-retention.ts";
import { removalNotes } from "../../actions/lib/operations/retention/removal-note.ts";
import { type VaultView, whyInReplica } from "../../actions/lib/operations/retention/replica-notes.ts";
import type { RoleName } from "../../actions/lib/policy/cloud/roles.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { type Manifest, newSetId } from "../../actions/lib/vault/format/manifest.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { encodeManifest, publishSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { startRoleGate } from "../faults/proxy/role-gate.ts";
import { newBucket } from "../faults/proxy/test-bucket.ts";
import { storeUnpublished } from "../faults/proxy/test-manifest.ts";
import { policyOf } from "../lab/iam/role-policy.ts";
import { replicate } from "../lab/replicate.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { newTestKey } from "./assembled-set.ts";
import { labPolicy } from "./backup-lab.ts";

const day = 86_400_000;
const signing = await newTestKey("signing");
const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signing.signers);
const begun = Date.now();
const at = (days: number): Date => new Date(begun + days * day);
let vault: Vault;
let replica: Vault;
/** Oldest first. */
let sets: string[];

/** Kept for a day, and for eight in the replica. What is old at some later time was made now: a store's clock stands in the tests. */
const policy = policyWith({});
function policyWith(change: { readonly daily?: number }): Policy {
  const none = { operations: null, prover: null, escrow: null };
  const of = (retentionDays: number) => ({ retentionDays, lock: "none" as const });
  return policySchema.parse({
    ...labPolicy({ recipients: none, signing: [] }),
    tiers: { daily: of(change.daily ?? 1), weekly: of(90), monthly: of(2557) },
    retention: { keepNewest: 1, staleDays: 60 },
  });
}

beforeEach(async () => {
  [vault, replica] = [openVault(await newBucket({ lock: true })), openVault(await newBucket({ lock: true }))];
  sets = [];
  for (const minutes of [4, 3, 2, 1]) sets.push(await makeSet(minutes));
  await copy();
});
afterEach(() => {
  vault.close();
  replica.close();
});

async function makeSet(minutesAgo: number, terms = { daily: 1, weekly: 90, monthly: 2557 }, finishedAt?: Date) {
  const time = new Date(begun - minutesAgo * 60_000);
  const set = newSetId(time);
  const iso = time.toISOString();
  const manifest: Manifest = {
    ...(await storeUnpublished(vault, "daily", set)),
    ...{
      startedAt: iso,
      snapshotAt: iso,
      finishedAt: (finishedAt ?? time).toISOString(),
      readBack: true,
      policy: { terms },
    },
  };
  const bytes = encodeManifest(manifest);
  await publishSet(vault, { tier: "daily", set }, bytes, await signDetached(bytes, signing.unlocked), {
    lease: { assertHeld: async () => {} },
  });
  return set;
}

async function copy(): Promise<void> {
  const client = sharedS3().client();
  await replicate({ client, bucket: vault.bucket }, { client, bucket: replica.bucket });
  client.destroy();
}

const common = { files: null, verify, verifyRelease: verify, dryRun: false, log: silentLog };
const retain = (now: Date, of = policy, database = vault) =>
  applyRetention({ ...common, policy: of, database, now, storeTime: async () => now });
const retainReplica = (now: Date, more: Partial<Parameters<typeof applyReplicaRetention>[0]> = {}) =>
  applyReplicaRetention({ ...common, policy, database: vault, replica, now, storeTime: async () => now, ...more });

async function setsIn(bucket: Vault): Promise<string[]> {
  const versions = await versionsBelow(bucket.transport, "database/daily/");
  return [...new Set(versions.map(({ key }) => key.split("/")[2] ?? ""))].sort();
}

const whyOf = (done: Awaited<ReturnType<typeof retainReplica>>, set: string | undefined) =>
  done.database?.plan.plan.decisions.find((one) => one.set === set)?.why;

test("a set goes from the replica after the vault has let go of it, and the newest stays on both sides", async () => {
  await retain(at(4));
  expect(await setsIn(vault)).toEqual(sets.slice(3));
  await copy();
  await retainReplica(at(5));
  expect(await setsIn(replica)).toEqual(sets);
  const done = await retainReplica(at(9));
  expect(await setsIn(replica)).toEqual(sets.slice(3));
  expect(done).toMatchObject({ refusal: null, alarms: [] });
});

test("what the vault still has stays in the replica, however old it is", async () => {
  const done = await retainReplica(at(40));
  expect(await setsIn(replica)).toEqual(sets);
  expect(whyOf(done, sets[0])).toBe("the vault still has it");
});

test("a policy that was wrong by mistake empties the vault after its announcement, and nothing in the replica for a week", async () => {
  for (const days of [0.5, 1.5, 2.5, 3.5]) sets.push(await makeSet(0, undefined, at(days)));
  await copy();
  await retain(at(4));
  expect(await setsIn(vault)).toHaveLength(1);
  await copy();
  for (const days of [4, 5, 6, 6.9]) await retainReplica(at(days));
  expect(await setsIn(replica)).toEqual([...sets].sort());
});

test("while the vault cannot be asked, nothing goes", async () => {
  await retain(at(4));
  await copy();
  using gone = openVault({
    ...sharedS3().bucketAccess(vault.bucket),
    endpoint: "http://127.0.0.1:9",
    retry: { attempts: 1 },
  });
  const done = await retainReplica(at(9), { database: gone });
  expect(await setsIn(replica)).toEqual(sets);
  expect(done.database?.plan.facts.stop).toMatch(/the vault cannot be asked what it still has/);
});

test("what the vault lost without a record of its retention stays, and is an alarm", async () => {
  await deleteVersions(vault.transport, await versionsBelow(vault.transport, `database/daily/${sets[0]}/`));
  const done = await retainReplica(at(9));
  expect(await setsIn(replica)).toEqual(sets);
  expect(done.alarms.join("\n")).toMatch(new RegExp(`in the replica alone: they are gone from the vault.*${sets[0]}`));
  expect(whyOf(done, sets[0])).toMatch(/no record says that retention removed it/);
});

test("a forged record makes nothing go that the plan keeps, nor anything that the vault has", async () => {
  const forged = {
    ...{ format: "lifeboat-removed/1", run: newSetId(new Date()), at: at(-40).toISOString(), snapshots: [] },
    sets: sets.map((set) => ({ tier: "daily", set })),
  };
  for (const bucket of [vault, replica])
    await bucket.put(`${removalNotes}${forged.run}.json`, Buffer.from(JSON.stringify(forged)));
  await retainReplica(at(20));
  expect(await setsIn(replica)).toEqual(sets);
  // All of the vault is gone: the newest good one, which the plan keeps, stays.
  await deleteVersions(vault.transport, await versionsBelow(vault.transport, "database/"));
  await retainReplica(at(6.9));
  expect(await setsIn(replica)).toEqual(sets);
  await retainReplica(at(20));
  expect(await setsIn(replica)).toEqual(sets.slice(3));
});

test.each([
  ["a hold, in the replica alone", () => replica, (set: string) => `holds/${set}/20261129T000000Z-00000000.json`],
  ["a hold, in the vault alone", () => vault, (set: string) => `holds/${set}/20261129T000000Z-00000000.json`],
  ["an incident, in the replica alone", () => replica, () => "incident/20261129T000000Z-00000000/begin.json"],
  ["an incident, in the vault alone", () => vault, () => "incident/20261129T000000Z-00000000/begin.json"],
])("%s keeps a set in the replica", async (_, where, key) => {
  await retain(at(4));
  await copy();
  await where().put(key(sets[0] ?? ""), Buffer.from("{}"));
  await retainReplica(at(9));
  expect(await setsIn(replica)).toContain(sets[0]);
});

test("a rehearsal says what would go, and changes nothing", async () => {
  await retain(at(4));
  await copy();
  const before = await versionsBelow(replica.transport, "");
  const done = await retainReplica(at(9), { dryRun: true });
  const going = done.database?.plan.plan.decisions.filter(({ keep }) => !keep).map(({ set }) => set);
  expect(going).toEqual(sets.slice(0, 3));
  expect(await versionsBelow(replica.transport, "")).toEqual(before);
});

describe("a thief with the role of", () => {
  /** Deletes whatever the role can. */
  async function empty(role: RoleName): Promise<void> {
    const buckets = { database: vault.bucket, files: vault.bucket, replica: replica.bucket };
    await using gate = await startRoleGate(sharedS3().endpoint, policyOf(role, buckets));
    for (const bucket of [vault, replica]) {
      using stolen = openVault({ ...sharedS3().bucketAccess(bucket.bucket), endpoint: gate.url });
      for (const version of await versionsBelow(bucket.transport, ""))
        await deleteVersions(stolen.transport, [version]).catch(() => {});
    }
  }

  test("retention empties the vault, and nothing of the replica", async () => {
    await empty("retention");
    expect([await setsIn(vault), await setsIn(replica)]).toEqual([[], sets]);
    // Nor does the replica's own run finish their work.
    const done = await retainReplica(at(9));
    expect(await setsIn(replica)).toEqual(sets);
    expect(done.alarms.join("\n")).toMatch(/gone from the vault, and not by retention/);
  });

  test("the replica's retention empties the replica, and nothing of the vault", async () => {
    await empty("replica-retention");
    expect([await setsIn(vault), await setsIn(replica)]).toEqual([sets, []]);
  });
});

test("the replica's run does all its work under its own role, and asks for nothing else", async () => {
  await retain(at(4));
  await copy();
  const buckets = { database: vault.bucket, files: vault.bucket, replica: replica.bucket };
  await using gate = await startRoleGate(sharedS3().endpoint, policyOf("replica-retention", buckets));
  const through = (bucket: Vault): Vault =>
    openVault({ ...sharedS3().bucketAccess(bucket.bucket), endpoint: gate.url });
  using database = through(vault);
  using copyOfIt = through(replica);
  await retainReplica(at(9), { database, replica: copyOfIt });
  expect(await setsIn(replica)).toEqual(sets.slice(3));
  expect(gate.refused).toEqual([]);
});

test("a set stays in the replica for as many days after the vault's removal as the policy says, to the millisecond", () => {
  const view = (now: number): VaultView => ({
    ...{ present: new Set(["there"]), removedAt: new Map([["gone", begun]]), afterDays: 7, now },
  });
  expect(whyInReplica(view(begun + 7 * day - 1), "gone")).toMatch(
    /^the vault's retention removed it on .* keeps it until/,
  );
  expect(whyInReplica(view(begun + 7 * day), "gone")).toBeNull();
  expect(whyInReplica(view(begun + 700 * day), "there")).toBe("the vault still has it");
  expect(whyInReplica(view(begun + 700 * day), "lost")).toMatch(/no record says/);
});
