import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mapBounded } from "../../actions/lib/base/flow/bounded.ts";
import { readVaultReports } from "../../actions/lib/edge/publish/vault-reports.ts";
import { readLastSet } from "../../actions/lib/operations/backup/last-set.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { removeLeftovers } from "../../actions/lib/vault/published/leftovers.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import type { Transport } from "../../actions/lib/vault/s3/transport.ts";
import { resolveSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { readProofs } from "../../actions/lib/vault/sets/proof-store.ts";
import { encodeManifest, publish } from "../../actions/lib/vault/sets/set-store.ts";
import { firstOf, trustedSets } from "../../actions/lib/vault/trusted.ts";
import { newTestKey, type TestKey } from "../integration/assembled-set.ts";
import { newBucket } from "./proxy/test-bucket.ts";
import { setId, storeUnpublished } from "./proxy/test-manifest.ts";

/** Folders named like sets, newer than the one that is a set: what somebody lays who can write the bucket. 10000 takes minutes. */
const junk = Number(process.env["LIFEBOAT_JUNK_FOLDERS"] ?? 1500);
const lease = { async assertHeld() {} };
let vault: Vault;
let signing: TestKey;
let real: string;
const asked: string[] = [];

beforeAll(async () => {
  // Requests are counted, not time: a busy machine may be slow with a list.
  const [settings, key] = await Promise.all([newBucket(), newTestKey("signing")]);
  const bare = openVault({ ...settings, retry: { attempts: 4, totalSeconds: 100, stallSeconds: 25 } });
  signing = key;
  const transport: Transport = {
    ...bare.transport,
    request(request, attempt) {
      asked.push(request.operation);
      return bare.transport.request(request, attempt);
    },
  };
  vault = {
    ...{ ...bare, transport },
    get(key, options) {
      asked.push("GetObject");
      return bare.get(key, options);
    },
  };
  real = setId(1);
  const manifest = await storeUnpublished(bare, "daily", real);
  const bytes = encodeManifest(manifest);
  await publish(bare, manifest, bytes, await signDetached(bytes, signing.unlocked), { lease });
  const folders = Array.from({ length: junk }, () => setPrefix("daily", setId(2)));
  await mapBounded(folders, 8, async (folder) => bare.put(`${folder}junk`, randomBytes(8)));
  asked.splice(0);
});
afterAll(() => vault?.close());

/** Requests that the work took. */
async function requests(work: () => Promise<unknown>): Promise<number> {
  asked.splice(0);
  const begun = performance.now();
  await work();
  if (junk > 5000) console.log(`${asked.length} requests in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  return asked.length;
}

/** By pages of a thousand, not one folder at a time. */
const few = 60 + junk / 100;

test("the newest set is found behind them by pages, not folder by folder", async () => {
  const found = await requests(async () =>
    expect(await resolveSet(vault, "latest")).toEqual({ set: real, tier: "daily" }),
  );
  expect(found).toBeLessThan(few);
});

test("proofs that nobody signed, and reports that are not named as ours are, are worth no request each", async () => {
  const names = Array.from({ length: 300 }, (_, at) => at);
  await mapBounded(names, 8, (at) => vault.put(`proofs/${real}/${setId(at)}.json`, Buffer.from("{}")));
  await mapBounded(names, 8, (at) => vault.put(`reports/2026/11/24/junk-${at}.json`, Buffer.from("{}")));
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signing.signers);
  const found = await requests(async () => {
    expect((await readProofs(vault, verify)).refused).toHaveLength(300);
    expect((await readVaultReports(vault, verify)).refused).toHaveLength(300);
  });
  expect(found).toBeLessThan(10);
});

test("a backup finds what to compare with, and cleans a few of them away and no more at once", async () => {
  const compared = await requests(async () => expect((await readLastSet(vault, signing.signers, []))?.set).toBe(real));
  expect(compared).toBeLessThan(few);
  const cleaned = await requests(async () => {
    const { sets, waiting, hidden } = await removeLeftovers(vault, "database/daily/", lease);
    expect([sets.length, waiting, hidden]).toEqual([20, junk - 20, []]);
  });
  expect(cleaned).toBeLessThan(few + 3 * 20);
});

test("behind manifests that cannot be trusted the newest that can is found, and so many are read and no more", async () => {
  const [forged, verify] = [
    Array.from({ length: 150 }, () => setPrefix("weekly", setId(3))),
    (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signing.signers),
  ];
  await mapBounded(forged, 8, (folder) => vault.put(`${folder}manifest.json`, Buffer.from("{}")));
  const found = await requests(async () => {
    const told: string[] = [];
    const passedOver = (name: string): void => void told.push(name);
    expect((await firstOf(trustedSets(vault, verify, { passedOver })))?.set).toBe(real);
    expect(told).toHaveLength(150);
  });
  expect(found).toBeLessThan(few + 2 * 150 + 2 * 96);
});
