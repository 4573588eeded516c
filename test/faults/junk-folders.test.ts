import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readLastSet } from "../../actions/lib/backup/last-set.ts";
import { signDetached } from "../../actions/lib/seal/signature.ts";
import { mapBounded } from "../../actions/lib/vault/bounded.ts";
import { resolveSet } from "../../actions/lib/vault/catalogue.ts";
import type { Vault } from "../../actions/lib/vault/client.ts";
import { removeLeftovers } from "../../actions/lib/vault/leftovers.ts";
import { setPrefix } from "../../actions/lib/vault/manifest.ts";
import { encodeManifest, publish } from "../../actions/lib/vault/set-store.ts";
import type { Transport } from "../../actions/lib/vault/transport.ts";
import { newTestKey, type TestKey } from "../integration/assembled-set.ts";
import { newVault } from "./proxy/test-bucket.ts";
import { setId, storeUnpublished } from "./proxy/test-manifest.ts";

/** Folders named like sets, newer than the one that is a set: what somebody lays who can write the bucket. 10000 takes minutes. */
const junk = Number(process.env["LIFEBOAT_JUNK_FOLDERS"] ?? 1500);
const lease = { async assertHeld() {} };
let vault: Vault;
let signing: TestKey;
let real: string;
const asked: string[] = [];

beforeAll(async () => {
  const [bare, key] = await Promise.all([newVault(), newTestKey("signing")]);
  signing = key;
  const transport: Transport = {
    ...bare.transport,
    request(request, attempt) {
      asked.push(request.operation);
      return bare.transport.request(request, attempt);
    },
  };
  vault = { ...bare, transport };
  real = setId(1);
  const manifest = await storeUnpublished(bare, "daily", real);
  const bytes = encodeManifest(manifest);
  await publish(bare, manifest, bytes, await signDetached(bytes, signing.unlocked), { lease });
  const folders = Array.from({ length: junk }, () => setPrefix("daily", setId(2)));
  await mapBounded(folders, 24, async (folder) => bare.put(`${folder}junk`, randomBytes(8)));
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

test("a backup finds what to compare with, and cleans a few of them away and no more at once", async () => {
  const compared = await requests(async () => expect((await readLastSet(vault, signing.signers, []))?.set).toBe(real));
  expect(compared).toBeLessThan(few);
  const cleaned = await requests(async () => {
    const { sets, waiting, hidden } = await removeLeftovers(vault, "database/daily/", lease);
    expect([sets.length, waiting, hidden]).toEqual([20, junk - 20, []]);
  });
  expect(cleaned).toBeLessThan(few + 3 * 20);
});
