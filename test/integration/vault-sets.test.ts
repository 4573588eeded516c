import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { lockSet, retainUntil, retentionOf } from "../../actions/lib/vault/bucket/lock.ts";
import { type Manifest, setPrefix, type Tier } from "../../actions/lib/vault/format/manifest.ts";
import { acquireLease, type Lease } from "../../actions/lib/vault/lease/lease.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { openSegment, unfinishedUploads } from "../../actions/lib/vault/s3/segment-writer.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { encodeManifest, listSets, publishSet, readSet, resolveSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { startHttpFaultProxy } from "../faults/proxy/http-proxy.ts";
import { newBucket, newVault } from "../faults/proxy/test-bucket.ts";
import { setId, storeUnpublished } from "../faults/proxy/test-manifest.ts";
import { newTestKey, type TestKey } from "./assembled-set.ts";
import { keysIn } from "./backup-lab.ts";
import { removeLeftovers } from "./retention-lab.ts";

let vault: Vault;
let lease: Lease;
let signing: TestKey;
beforeAll(async () => {
  [vault, signing] = await Promise.all([newVault({ lock: true }), newTestKey("signing")]);
  lease = await acquireLease(vault, "database", { holder: "the test" });
});
afterAll(async () => {
  await lease.release();
  vault.close();
});

const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signing.signers);

async function store(tier: Tier, set: string, change: (manifest: Manifest) => Manifest = (same) => same) {
  const manifest = change(await storeUnpublished(vault, tier, set));
  const bytes = encodeManifest(manifest);
  await publishSet(vault, manifest, bytes, await signDetached(bytes, signing.unlocked), { lease });
  return manifest;
}

test("a published set is read back as it was signed, and nobody can publish it again", async () => {
  const set = setId(1);
  const manifest = await store("daily", set);
  const stored = await readSet(vault, "daily", set, verify);
  expect(stored.manifest).toEqual(manifest);
  expect(stored.signedBy.fingerprint).toBe(signing.signers[0]?.fingerprint);
  const bytes = encodeManifest(manifest);
  const again = publishSet(vault, manifest, bytes, await signDetached(bytes, signing.unlocked), { lease });
  await expect(again).rejects.toMatchObject({ code: "set-taken" });
});

test("a manifest is not published without the lease", async () => {
  const manifest = await storeUnpublished(vault, "daily", setId(2));
  const bytes = encodeManifest(manifest);
  const other = await acquireLease(vault, "other", { holder: "the test" });
  await other.release();
  const publishing = publishSet(vault, manifest, bytes, await signDetached(bytes, signing.unlocked), { lease: other });
  await expect(publishing).rejects.toMatchObject({ code: "lease-lost" });
  expect(await vault.head(`${setPrefix("daily", manifest.set)}manifest.json`)).toBeUndefined();
});

test("a manifest that was written while the lease went to somebody else is there, and the run says so", async () => {
  const manifest = await storeUnpublished(vault, "daily", setId(4));
  const bytes = encodeManifest(manifest);
  const ours = await acquireLease(vault, "withdrawn", { ttlSeconds: 600, holder: "the test" });
  let asserted = 0;
  const taken = {
    async assertHeld() {
      if (++asserted === 2) await vault.put("leases/withdrawn.json", Buffer.from("somebody else's"));
      await ours.assertHeld();
    },
  };
  const publishing = publishSet(vault, manifest, bytes, await signDetached(bytes, signing.unlocked), { lease: taken });
  await expect(publishing).rejects.toMatchObject({
    code: "lease-lost",
    message: expect.stringContaining(manifest.set),
  });
  // Whoever has taken the lease removes nothing that is so young: the set is whole.
  await removeLeftovers(vault, lease);
  expect((await readSet(vault, "daily", manifest.set, verify)).manifest).toEqual(manifest);
  expect((await keysIn(vault, setPrefix("daily", manifest.set))).length).toBe(4);
});

test.each<[string, (prefix: string) => Promise<unknown>, RegExp?]>([
  ["unsigned", async (prefix) => vault.put(`${prefix}manifest.json`, await body(prefix, "daily"))],
  [
    "signed by a foreign key",
    async (prefix) => {
      const foreign = await newTestKey("signing");
      await putSigned(
        prefix,
        await body(prefix, "daily"),
        await signDetached(await body(prefix, "daily"), foreign.unlocked),
      );
    },
  ],
  [
    "changed after it was signed",
    async (prefix) => {
      const bytes = Buffer.from(await body(prefix, "daily"));
      const signature = await signDetached(bytes, signing.unlocked);
      await putSigned(prefix, Buffer.from(bytes.toString().replace('"tables": 0', '"tables": 1')), signature);
    },
  ],
  [
    "of an older set, correctly signed, under a new id",
    async (prefix) => signAndPut(prefix, await body("database/daily/20250101T000000Z-00000000/", "daily")),
  ],
  ["of another tier, correctly signed", async (prefix) => signAndPut(prefix, await body(prefix, "monthly"))],
  ["not JSON, correctly signed", async (prefix) => signAndPut(prefix, Buffer.from("nonsense"))],
  [
    "of the first format, which nothing reads any more, correctly signed",
    async (prefix) => signAndPut(prefix, Buffer.from('{"format":"lifeboat-set/1"}')),
    /it is of format lifeboat-set\/1, and this version of Lifeboat reads lifeboat-set\/2 alone/,
  ],
  [
    "of an unknown form, correctly signed",
    async (prefix) => signAndPut(prefix, Buffer.from('{"format":"lifeboat-set/2"}')),
  ],
])("a manifest that is %s is refused", async (_name, put, why = /not to be trusted/) => {
  const set = setId(3);
  const prefix = setPrefix("daily", set);
  await put(prefix);
  await expect(readSet(vault, "daily", set, verify)).rejects.toMatchObject({
    ...{ code: "manifest-untrusted", exitCode: 2, message: expect.stringMatching(why) },
  });
  const listed = (await listSets(vault, { tier: "daily", verify })).find((each) => each.set === set);
  expect(listed).toMatchObject({ signature: "refused", counts: null });
  await removeAll(prefix);
});

async function body(prefix: string, tier: Tier): Promise<Uint8Array> {
  const set = prefix.split("/")[2] ?? "";
  const segments = [{ key: "a", bytes: 1, sha256: "0".repeat(64), parts: [{ bytes: 1, sha256: "0".repeat(64) }] }];
  const manifest = template ?? (await storeUnpublished(vault, "weekly", setId(0)));
  template = manifest;
  return encodeManifest({ ...manifest, set, tier, artifacts: [{ name: "a", kind: "data", plainBytes: 1, segments }] });
}
let template: Manifest | undefined;

async function putSigned(prefix: string, bytes: Uint8Array, signature: string) {
  await vault.put(`${prefix}manifest.json.sig`, Buffer.from(signature));
  await vault.put(`${prefix}manifest.json`, bytes);
}

async function signAndPut(prefix: string, bytes: Uint8Array) {
  await putSigned(prefix, bytes, await signDetached(bytes, signing.unlocked));
}

async function removeAll(prefix: string) {
  await deleteVersions(vault.transport, await versionsBelow(vault.transport, prefix));
}

test("the catalogue is newest first, knows only sets with a manifest, and passes foreign objects over", async () => {
  const [older, newest, weekly] = [setId(10), setId(12), setId(11)];
  await store("daily", older);
  await store("weekly", weekly);
  await store("daily", newest);
  await storeUnpublished(vault, "daily", setId(13));
  for (const key of ["database/daily/readme.txt", "database/daily/strange/manifest.json", "database/x", "audit/1"])
    await vault.put(key, Buffer.from("foreign"));
  const listed = await listSets(vault, { verify });
  expect(listed.slice(0, 3)).toMatchObject([
    { set: newest, tier: "daily", signature: "verified", storedBytes: "1000" },
    { set: weekly, tier: "weekly", signature: "verified" },
    { set: older, tier: "daily", signature: "verified" },
  ]);
  // The newest folder is no set: two are found all the same.
  expect((await listSets(vault, { newest: 2 })).map(({ set }) => set)).toEqual([newest, weekly]);
  expect(await listSets(vault, { tier: "weekly" })).toMatchObject([{ set: weekly, signature: "unchecked" }]);
  expect(await resolveSet(vault, "latest")).toEqual({ set: newest, tier: "daily" });
  expect(await resolveSet(vault, "latest", { tier: "weekly" })).toEqual({ set: weekly, tier: "weekly" });
  expect(await resolveSet(vault, older)).toEqual({ set: older, tier: "daily" });
  await expect(resolveSet(vault, setId(99))).rejects.toMatchObject({ code: "set-unknown" });
  await expect(resolveSet(vault, "../x")).rejects.toMatchObject({ code: "set-id" });
  await expect(resolveSet(vault, "latest", { tier: "monthly" })).rejects.toMatchObject({ code: "set-unknown" });
});

const later = new Date(Date.now() + 2 * 86_400_000);

test("leftovers go with all their versions once they are a day old; whole, hidden and foreign things stay", async () => {
  const [whole, hidden, dead] = [setId(20), setId(21), setId(22)];
  await store("monthly", whole);
  await store("monthly", hidden);
  await vault.transport.request({ operation: "DeleteObject" }, async ({ client, bucket }) => {
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: `${setPrefix("monthly", hidden)}manifest.json` }));
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: `${setPrefix("monthly", dead)}gone` }));
  });
  await storeUnpublished(vault, "monthly", dead);
  await vault.put(`${setPrefix("monthly", dead)}keys.pgp`, Buffer.from("a second version"));
  await vault.put("database/monthly/foreign/x", Buffer.from("foreign"));
  const writer = openSegment(vault.transport, `${setPrefix("monthly", dead)}half`, {
    signal: new AbortController().signal,
  });
  await writer.add({
    bytes: Buffer.alloc(10),
    sha256: "01d448afd928065458cf670b60f5a594d735af0172c8d67f22a81680132681ca",
  });
  expect(await unfinishedUploads(vault.transport, "database/monthly/")).toHaveLength(1);

  const seen = [...(await versionsBelow(vault.transport, setPrefix("monthly", dead)))];
  expect(seen).toHaveLength(4);
  const early = await removeLeftovers(vault, lease);
  expect(early).toMatchObject({ sets: [], deleted: 0, keptBack: 0 });
  expect(early.alarms.join()).toContain(hidden);
  expect(await unfinishedUploads(vault.transport, "")).toEqual([]);
  expect(await removeLeftovers(vault, null, later)).toMatchObject({ sets: expect.arrayContaining([dead]) });
  expect(await versionsBelow(vault.transport, setPrefix("monthly", dead))).toEqual(seen);
  expect((await removeLeftovers(vault, lease, later)).sets).toContain(dead);
  expect(await versionsBelow(vault.transport, setPrefix("monthly", dead))).toEqual([]);
  expect((await keysIn(vault, setPrefix("monthly", whole))).length).toBe(4);
  expect((await keysIn(vault, setPrefix("monthly", hidden))).length).toBe(3);
  expect(await keysIn(vault, "database/monthly/foreign/")).toHaveLength(1);
  expect(await removeLeftovers(vault, lease, later)).toMatchObject({ sets: [], deleted: 0 });
});

test("every object of a set is locked, a lock is never shortened, and what a lock keeps is reported", async () => {
  const set = setId(30);
  await store("weekly", set);
  const prefix = setPrefix("weekly", set);
  const soon = retainUntil(new Date(), 1);
  expect(await lockSet(vault, prefix, soon)).toEqual({ objects: 4, applied: 4 });
  expect(await lockSet(vault, prefix, soon)).toEqual({ objects: 4, applied: 0 });
  expect(await lockSet(vault, prefix, new Date(soon.getTime() - 3600_000))).toEqual({ objects: 4, applied: 0 });
  expect(await lockSet(vault, prefix, retainUntil(new Date(), 2))).toEqual({ objects: 4, applied: 4 });
  expect(await retentionOf(vault, `${prefix}keys.pgp`)).toMatchObject({ mode: "GOVERNANCE" });

  const orphan = setId(31);
  await vault.put(`${setPrefix("weekly", orphan)}keys.pgp`, Buffer.from("x"), { retainUntil: soon });
  const report = await removeLeftovers(vault, lease, later);
  expect(report).toMatchObject({ sets: [], keptBack: 1 });
});

test("locking in a bucket without Object Lock, or one that forgets it, fails and says so", async () => {
  const settings = await newBucket();
  await using proxy = await startHttpFaultProxy(settings.endpoint);
  using plain = openVault({ ...settings, endpoint: proxy.url });
  await plain.put("a", Buffer.from("x"));
  const refusal = proxy.answer({ method: "PUT", url: /[?&]retention/ }, 400, "InvalidRequest");
  await expect(lockSet(plain, "a", retainUntil(new Date(), 1))).rejects.toMatchObject({ code: "lock-failed" });
  expect(refusal.hits).toBe(1);
  proxy.answer({ method: "GET", url: /[?&]retention/, times: 2 }, 404, "NoSuchObjectLockConfiguration");
  await expect(lockSet(plain, "a", retainUntil(new Date(), 1))).rejects.toMatchObject({ code: "lock-failed" });
});
