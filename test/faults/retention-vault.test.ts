import { setTimeout as sleep } from "node:timers/promises";
import { PutBucketVersioningCommand, PutObjectRetentionCommand } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { LifeboatError } from "../../actions/lib/base/errors.ts";
import { reportRetention } from "../../actions/lib/operations/retention/page.ts";
import { noteRemoval } from "../../actions/lib/operations/retention/removal-note.ts";
import { writeNote } from "../../actions/lib/seal/keys/signature.ts";
import { lockObject } from "../../actions/lib/vault/bucket/lock.ts";
import { setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { acquireLease } from "../../actions/lib/vault/lease/lease.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import type { SetName } from "../../actions/lib/vault/sets/catalogue.ts";
import { openRetentionVault, type RetentionVault } from "../integration/retention-vault.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "./proxy/http-proxy.ts";
import { openBucketAttacker } from "./table/bucket-attacker.ts";

/** What retention does when the bucket, its clock, its locks or somebody in it are not as they should be. */

const hour = 3_600_000;
const prefixOf = (set = ""): string => setPrefix("daily", set);

/** A set with a manifest has all that a set has: keys, an artifact, manifest and signature. */
async function halfSets(lab: RetentionVault): Promise<string[]> {
  const sets = await lab.sets();
  const keys = await Promise.all(sets.map((name) => lab.keys(`database/${name}/`)));
  return sets.filter((_, place) => keys[place]?.length !== 4);
}

async function nothingGoes(lab: RetentionVault, work: () => ReturnType<RetentionVault["retention"]>, why: RegExp) {
  const before = await versionsBelow(lab.vault.transport, "database/");
  const done = await work();
  expect(done.refusal?.why).toMatch(why);
  expect(reportRetention(done, false).failure).toMatchObject({ code: "retention-unsafe" });
  expect(await versionsBelow(lab.vault.transport, "database/")).toEqual(before);
}

test.each([
  ["a day ahead", 24],
  ["a day behind", -24],
  ["a year ahead", 24 * 365],
  ["twenty minutes ahead", 1 / 3],
])("nothing goes when this machine's clock is %s of the store's", async (_, hours) => {
  using lab = await openRetentionVault();
  await lab.lay({ hours: 9 }, { hours: 8 });
  const now = new Date(Date.now() + 6 * 24 * hour);
  const ours = new Date(now.getTime() + hours * hour);
  await nothingGoes(lab, () => lab.retention(0, { now: ours, storeTime: async () => now }), /clock .* differ by/);
});

test("nothing goes from a bucket that keeps no versions", async () => {
  using lab = await openRetentionVault({ lock: false });
  await lab.lay({ hours: 9 }, { hours: 8 });
  const client = sharedS3().client();
  const VersioningConfiguration = { Status: "Suspended" } as const;
  await client.send(new PutBucketVersioningCommand({ Bucket: lab.vault.bucket, VersioningConfiguration }));
  client.destroy();
  await nothingGoes(lab, () => lab.retention(6), /versioning .* is suspended/);
});

test("a bucket without Object Lock is told of, and what goes, goes", async () => {
  using lab = await openRetentionVault({ lock: false });
  await lab.lay({ hours: 9 }, { hours: 8 });
  const done = await lab.retention(6);
  expect(done.notes.join(" ")).toMatch(/cannot lock objects: whoever has its credentials/);
  expect(done.database?.removals?.removed).toHaveLength(1);
});

test("a store that takes a lock and deletes all the same is told of, one that holds its locks is not", async () => {
  using lab = await openRetentionVault();
  await lab.lay({ hours: 9 });
  const honest = await lab.retention(0);
  // SeaweedFS 4.48 holds its locks: a version of the lab's server that does not would show here.
  expect(honest.notes).toEqual([]);
  const { transport } = lab.vault;
  const said = { mode: "GOVERNANCE", until: new Date(Date.now() + 24 * 365 * hour) };
  const lying = { PutObjectRetention: undefined, GetObjectRetention: said };
  const forgetful = {
    ...lab.vault,
    transport: {
      ...transport,
      request: (what: Parameters<typeof transport.request>[0], work: Parameters<typeof transport.request>[1]) =>
        what.operation in lying ? lying[what.operation as keyof typeof lying] : transport.request(what, work),
    },
  };
  const done = await lab.retention(0, { vault: forgetful as Vault });
  expect(done.notes.join(" ")).toMatch(/takes locks and deletes all the same: they protect nothing there/);
});

/** The store refuses it by its own clock, which is not moved: to retention its lock is over. */
async function refuse(lab: RetentionVault, key: string): Promise<void> {
  await lockObject(lab.vault, key, new Date(Date.now() + 24 * hour));
}

test("an object that may not be deleted stays alone, invisible and told, and goes later", async () => {
  using lab = await openRetentionVault();
  const [old = ""] = await lab.lay({ hours: 9 }, { hours: 8 });
  const key = `${prefixOf(old)}schema.dump.zst.pgp`;
  await refuse(lab, key);
  const done = await lab.retention(6);
  expect(done.database?.removals).toMatchObject({ removed: [{ set: old }], unfinished: [{ set: old, kept: 1 }] });
  expect(await lab.keys(prefixOf(old))).toEqual([key]);
  expect((await lab.retention(7)).database?.removals).toMatchObject({ finished: [], unfinished: [{ kept: 1 }] });
  // As its owner would who may bypass locks; Lifeboat never does.
  const client = sharedS3().client();
  const [version] = await versionsBelow(lab.vault.transport, key);
  const named = { Bucket: lab.vault.bucket, Key: key, VersionId: version?.versionId };
  const Retention = { Mode: "GOVERNANCE", RetainUntilDate: new Date(Date.now() + 2000) } as const;
  await client.send(new PutObjectRetentionCommand({ ...named, Retention, BypassGovernanceRetention: true }));
  await sleep(3000);
  client.destroy();
  expect((await lab.retention(8)).database?.removals).toMatchObject({ finished: [{ set: old }], unfinished: [] });
  expect(await lab.keys(prefixOf(old))).toEqual([]);
});

test("of a folder of 1,100 objects all go but the one that is refused, over several requests", async () => {
  using lab = await openRetentionVault();
  await lab.lay({ hours: 8 });
  const dead = "20260101T000000Z-00000000";
  const names = Array.from({ length: 1100 }, (_, index) => `${prefixOf(dead)}data/${index}.sql.zst.pgp`);
  for (let from = 0; from < names.length; from += 50)
    await Promise.all(names.slice(from, from + 50).map((key) => lab.vault.put(key, Buffer.from("x"))));
  const [refused = ""] = names;
  await refuse(lab, refused);
  // A lock tells that it was published: retention has begun to remove it, and died behind its manifest.
  await noteRemoval(lab.vault, Date.now(), { sets: [{ tier: "daily", set: dead }], snapshots: [] });
  const done = await lab.retention(6);
  expect(done.database?.removals).toMatchObject({ unfinished: [{ set: dead, kept: 1 }] });
  expect(await lab.keys(prefixOf(dead))).toEqual([refused]);
}, 120_000);

test("a set whose manifest or part is hidden stays as it is, and is an alarm; others go", async () => {
  using lab = await openRetentionVault();
  const [manifest = "", part = "", old = ""] = await lab.lay({ hours: 11 }, { hours: 10 }, { hours: 9 }, { hours: 8 });
  const client = sharedS3().client();
  const attacker = openBucketAttacker(lab.vault, client);
  await attacker.hide(`${prefixOf(manifest)}manifest.json`);
  await attacker.hide(`${prefixOf(part)}schema.dump.zst.pgp`);
  const done = await lab.retention(6);
  expect(done.database?.alarms.join(" ")).toContain(manifest);
  expect(done.database?.alarms.join(" ")).toContain(part);
  expect(reportRetention(done, false).failure).toMatchObject({ code: "vault-meddled" });
  expect(done.database?.removals?.removed).toEqual([{ tier: "daily", set: old }]);
  await attacker.undo();
  expect((await lab.retention(6)).database?.removals?.removed).toHaveLength(2);
  client.destroy();
});

test("answers that are lost change nothing: what had to go is gone", async () => {
  using lab = await openRetentionVault();
  const [old = ""] = await lab.lay({ hours: 9 }, { hours: 8 });
  await using proxy = await startHttpFaultProxy(lab.settings.endpoint);
  using vault = openVault({ ...lab.settings, endpoint: proxy.url });
  const lost = [1, 2].map(() => proxy.loseAnswer({ method: "POST", url: /delete/ }));
  const done = await lab.retention(6, { vault });
  expect(lost.map(({ hits }) => hits)).toEqual([1, 1]);
  expect(done.database?.removals).toMatchObject({ removed: [{ set: old }], unfinished: [] });
  expect(await lab.keys(prefixOf(old))).toEqual([]);
});

const deletion = { method: "POST", url: /delete/ };
test.each<[string, (proxy: HttpFaultProxy, gone: () => void) => void, number]>([
  ["before it says what it is about to remove", (proxy) => proxy.cut({ url: /removed/, times: 99 }, "at-once"), 2],
  ["before the first manifest goes", (proxy) => proxy.cut({ ...deletion, nth: 2, times: 99 }, "at-once"), 2],
  ["when a manifest is gone, and its answer lost", (proxy, gone) => proxy.loseAnswer({ ...deletion, nth: 2 }, gone), 1],
  ["when a manifest is gone", (proxy) => proxy.cut({ ...deletion, nth: 3, times: 99 }, "at-once"), 1],
  ["when the rest is gone, and its answer lost", (proxy, gone) => proxy.loseAnswer({ ...deletion, nth: 3 }, gone), 1],
])("a run that ends %s leaves every set whole or invisible, and the next one ends it", async (_, end, visible) => {
  using lab = await openRetentionVault();
  await lab.lay({ hours: 9 }, { hours: 8 });
  const once = { attempts: 1, totalSeconds: 5, baseMillis: 1, capMillis: 1, stallSeconds: 2 };
  await using proxy = await startHttpFaultProxy(lab.settings.endpoint);
  using vault = openVault({ ...lab.settings, endpoint: proxy.url, retry: once });
  // The first deletion is that of the canary, which says whether locks hold.
  end(proxy, () => void proxy.cut({ url: /database%2F|database\/daily|delete/, times: 99 }, "at-once"));
  await expect(lab.retention(6, { vault })).rejects.toThrow(LifeboatError);
  expect(await halfSets(lab)).toEqual([]);
  expect(await lab.sets()).toHaveLength(visible);
  await finish(lab);
});

/** The next run, with nothing in its way: one set stays, and nothing lies about. */
async function finish(lab: RetentionVault): Promise<void> {
  await lab.retention(6);
  const sets = await lab.sets();
  expect(sets).toHaveLength(1);
  expect(await halfSets(lab)).toEqual([]);
  expect((await lab.keys("database/")).every((key) => key.startsWith(`database/${sets[0]}/`))).toBe(true);
}

test("two at once: one works, the other is told who does", async () => {
  using lab = await openRetentionVault();
  await lab.lay({ hours: 9 }, { hours: 8 });
  await using _ = await acquireLease(lab.vault, "backup-database", { holder: "the test" });
  await expect(lab.retention(6)).rejects.toMatchObject({ code: "lease-held" });
  expect(await lab.sets()).toHaveLength(2);
});

test("a hold that is placed while the run is at work stops it before the next removal", async () => {
  using lab = await openRetentionVault();
  const [first = "", second = ""] = await lab.lay({ hours: 10 }, { hours: 9 }, { hours: 8 });
  let removed = 0;
  const watched: Vault = {
    ...lab.vault,
    // Asked for its lock right before its manifest goes.
    async head(key, versionId) {
      if (key === `${prefixOf(first)}manifest.json` && ++removed === 2) await hold(lab, { tier: "daily", set: second });
      return lab.vault.head(key, versionId);
    },
  };
  const done = await lab.retention(6, { vault: watched });
  expect(done.database?.removals?.stopped).toMatch(/a hold that no trusted key has signed keeps it/);
  expect(await lab.sets()).toContain(`daily/${second}`);
  expect(await halfSets(lab)).toEqual([]);
});

/** To hold needs no key. */
async function hold({ vault }: RetentionVault, { tier, set }: SetName): Promise<void> {
  const id = "20260101T000000Z-0a0a0a0a";
  const entry = {
    ...{ format: "lifeboat-hold/1", id, subject: { kind: "database", tier, set, files: null } },
    ...{ reason: "a test", at: new Date().toISOString(), by: "the test", event: "begin", until: null },
  };
  await vault.put(`holds/${set}/${id}.json`, await writeNote(entry, undefined));
}

test("backups or restore tests that fail hold everything back", async () => {
  using lab = await openRetentionVault();
  const [old = "", newest = ""] = await lab.lay({ hours: 9 }, { hours: 8 });
  const strict = lab.policy((policy) => ({ ...policy, retention: { ...policy.retention, staleDays: 5 } }));
  const stale = await lab.retention(6, { policy: strict });
  expect(stale.database?.plan.plan.heldBack).toMatch(/backups are failing/);
  const proving = lab.policy((policy) => ({
    ...policy,
    retention: { ...policy.retention, staleProofDays: 40 },
    restoreTest: { projectRef: "x".repeat(20) },
  }));
  expect((await lab.retention(6, { policy: proving })).database?.plan.plan.heldBack).toMatch(/no set has been proven/);
  await lab.proof({ tier: "daily", set: newest }, "failed");
  expect((await lab.retention(6, { policy: proving })).database?.plan.plan.heldBack).toMatch(
    /newest restore test failed/,
  );
  expect(await lab.sets()).toHaveLength(2);
  await lab.proof({ tier: "daily", set: newest }, "proven", 0.1);
  expect((await lab.retention(6, { policy: proving })).database?.removals?.removed).toEqual([
    { tier: "daily", set: old },
  ]);
});
