import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mapBounded } from "../../actions/lib/base/flow/bounded.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { policySchema } from "../../actions/lib/config/policy/policy.ts";
import { readLastSet } from "../../actions/lib/operations/backup/earlier-sets.ts";
import { tidyUp } from "../../actions/lib/operations/backup/tidy-up.ts";
import { readVaultReports } from "../../actions/lib/operations/publish/vault-reports.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import type { Transport } from "../../actions/lib/vault/s3/transport.ts";
import { encodeManifest, publish, resolveSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { readProofs } from "../../actions/lib/vault/sets/proof-store.ts";
import { firstOf, trustedSets } from "../../actions/lib/vault/trusted.ts";
import own from "../../lifeboat.config.ts";
import { newTestKey, type TestKey } from "../integration/assembled-set.ts";
import { newBucket } from "./proxy/test-bucket.ts";
import { setId, storeUnpublished } from "./proxy/test-manifest.ts";

/** Folders named like sets, newer than the one that is a set: what somebody lays who can write the bucket. 10000 takes minutes. */
const junk = Number(process.env["LIFEBOAT_JUNK_FOLDERS"] ?? 1500);
const policy = policySchema.parse(own);
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

test("a backup looks them through once: to clean a few away, to lock, and to find what to compare with", async () => {
  const [warnings, alarms, told]: [string[], string[], string[]] = [[], [], []];
  const log = { ...silentLog, info: (text: string): void => void told.push(text) };
  const { signers } = signing;
  const asks = await requests(async () => {
    const tidy = { vault, lease, policy, bucketLocks: false, signers, warnings, alarms, log };
    const published = await tidyUp(tidy);
    expect((await readLastSet(vault, signers, warnings, published))?.set).toBe(real);
  });
  expect(warnings.join()).toContain(
    `${(junk - 20).toLocaleString("en")} folders below database/daily/ have no manifest`,
  );
  expect(alarms).toEqual([]);
  expect(asks).toBeLessThan(few + 3 * 20);
  const removed = told.flatMap((text) => /have left: (.*)/.exec(text)?.[1]?.split(", ") ?? []);
  expect(removed).toHaveLength(20);
});

test("behind manifests that cannot be trusted the newest that can is found, and those are read that have a signature", async () => {
  const [signed, unsigned] = [3, 4].map((hours) =>
    Array.from({ length: 100 }, () => setPrefix("weekly", setId(hours))),
  );
  const forged = [...(signed ?? []), ...(unsigned ?? [])];
  await mapBounded(forged, 8, (folder) => vault.put(`${folder}manifest.json`, Buffer.from("{}")));
  await mapBounded(signed ?? [], 8, (folder) => vault.put(`${folder}manifest.json.sig`, Buffer.from("{}")));
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signing.signers);
  const told: string[] = [];
  const passedOver = (name: string, problem: string): void => void told.push(`${name}: ${problem}`);
  const found = await requests(async () =>
    expect((await firstOf(trustedSets(vault, verify, { passedOver })))?.set).toBe(real),
  );
  expect(told).toHaveLength(200);
  expect(told.filter((one) => one.endsWith("it is not signed"))).toHaveLength(100);
  // One of ours is read among the last of them, as those are that were laid beside it.
  expect(asked.filter((operation) => operation === "GetObject").length).toBeLessThanOrEqual(2 * (100 + 1));
  expect(found).toBeLessThan(few + 2 * 101 + 32);
});
