import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { policySchema } from "../../actions/lib/config/policy/policy.ts";
import { readInputs } from "../../actions/lib/edge/inputs.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import { findMadeInPeriod, readLastSet } from "../../actions/lib/operations/backup/earlier-sets.ts";
import { loadOperations } from "../../actions/lib/operations/catalogue.ts";
import { checkIncident } from "../../actions/lib/operations/check/standing-rows.ts";
import type { Begun } from "../../actions/lib/operations/incident/begin.ts";
import { setListPage } from "../../actions/lib/operations/list/pages.ts";
import { selectSet } from "../../actions/lib/operations/test-restore/select-set.ts";
import { readPrivateKey, type UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { askStanding, releaseVerifier } from "../../actions/lib/vault/configured.ts";
import { beginIncident, endIncident } from "../../actions/lib/vault/incident/write.ts";
import { encodeManifest, listSets, publishSet, resolveSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { readSignedSet } from "../../actions/lib/vault/sets/open-set.ts";
import own from "../../lifeboat.config.ts";
import { setId, storeUnpublished } from "../faults/proxy/test-manifest.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";

const policy = policySchema.parse(own);
const incident = "20260105T000000Z-0a1b2c3d";
let lab: BackupLab;
let signing: UnlockedKey;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3(), { lock: false });
  const env = lab.env("postgresql://lifeboat@127.0.0.1:1/x");
  signing = await readPrivateKey(env["BACKUP_SIGNING_KEY"] ?? "", env["BACKUP_SIGNING_PASSPHRASE"]);
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.signers);

/** A set of this hour, default: signed by our key. */
async function makeSet(hours: number, more: { readonly incident?: string } = {}, key = signing): Promise<string> {
  const set = setId(hours);
  const snapshotAt = new Date(Date.UTC(2026, 0, 1, hours)).toISOString();
  const manifest = { ...(await storeUnpublished(lab.vault, "daily", set)), snapshotAt, ...more };
  const bytes = encodeManifest(manifest);
  await publishSet(lab.vault, manifest, bytes, await signDetached(bytes, key), {
    lease: { assertHeld: async () => {} },
  });
  return set;
}

test("a set that was made while an incident was on is the newest good one nowhere, and can be named", async () => {
  const good = await makeSet(100);
  const marked = [await makeSet(200, { incident }), await makeSet(300, { incident })];
  const told: string[] = [];
  const passedOver = (sentence: string): void => void told.push(sentence);

  expect(await resolveSet(lab.vault, "latest", { verify, passedOver })).toEqual({ tier: "daily", set: good });
  expect(told).toEqual([expect.stringContaining(`latest is ${good}: 2 newer sets`)]);
  for (const set of marked) expect(told[0]).toContain(set);
  const named = await readSignedSet(lab.vault, marked[1] ?? "", lab.signers);
  expect(named.manifest.incident).toBe(incident);

  const config = await loadConfig({ needs: ["vault"], env: lab.env("postgresql://lifeboat@127.0.0.1:1/x") });
  const standing = await askStanding(config);
  expect(standing.sets.map(({ set }) => set)).toEqual([good]);
  expect((await readLastSet(lab.vault, lab.signers, []))?.set).toBe(good);

  const byTurn = { named: undefined, proofs: [], policy, trusted: lab.signers };
  expect((await selectSet(lab.vault, byTurn)).signed.set).toBe(good);
  expect((await selectSet(lab.vault, { ...byTurn, named: marked[0] })).signed.set).toBe(marked[0]);

  const page = setListPage(
    "b",
    (await listSets(lab.vault, { verify })).map((one) => ({ ...one, provenAt: null })),
  );
  expect(page.sentence).toContain("the newest is of 2026-01-05T04:00:00.000Z");
  expect(page.notes?.join("\n")).toMatch(new RegExp(`${incident} was on.*${marked[1]}, ${marked[0]}`));
});

test("a mark that no trusted key has signed passes nothing over: the set is refused loudly, as any junk is", async () => {
  await makeSet(400, { incident }, lab.operations);
  await expect(readSignedSet(lab.vault, "latest", lab.signers)).rejects.toMatchObject({ code: "manifest-untrusted" });
});

test("where every set is marked, latest is refused and says so", async () => {
  await using other = await openBackupLab(sharedS3(), { lock: false });
  const env = other.env("postgresql://lifeboat@127.0.0.1:1/x");
  const key = await readPrivateKey(env["BACKUP_SIGNING_KEY"] ?? "", env["BACKUP_SIGNING_PASSPHRASE"]);
  const manifest = { ...(await storeUnpublished(other.vault, "daily", setId(1))), incident };
  const bytes = encodeManifest(manifest);
  await publishSet(other.vault, manifest, bytes, await signDetached(bytes, key), {
    lease: { assertHeld: async () => {} },
  });
  await expect(readSignedSet(other.vault, "latest", other.signers)).rejects.toMatchObject({
    ...{ code: "set-unknown", message: expect.stringContaining("while an incident was on") },
  });
});

test("the policy check, and with it the daily summary, hears of an incident from its first day to its end", async () => {
  const config = await loadConfig({ needs: ["vault"], env: lab.env("postgresql://lifeboat@127.0.0.1:1/x") });
  const said = { id: incident, reason: "keys were stolen", by: "a test", at: new Date() };
  await beginIncident(lab.vault, said, undefined);
  const now = { ...lab.vault, serverTime: async () => new Date("2026-01-13T13:00:00Z") };
  const ends = await releaseVerifier(config);
  const made = () => findMadeInPeriod(now, "daily", "day", lab.signers, silentLog, ends);
  expect((await made())?.incident).toBe(incident);
  expect(await checkIncident(lab.vault, verify)).toMatchObject([{ check: "incident", status: "warn" }]);
  expect((await askStanding(config)).incident).toMatchObject({ id: incident, reason: "keys were stolen" });
  await endIncident(lab.vault, said, (bytes) => signDetached(bytes, lab.operations), ends);
  expect((await askStanding(config)).incident).toBeNull();
  // The next attempt makes a set that counts.
  expect(await made()).toBeUndefined();
  expect(await checkIncident(lab.vault, ends)).toEqual([]);
});

test("where no set is verified or proven, a begin holds the newest one that is signed and bears no mark", async () => {
  const newest = await makeSet(900);
  await makeSet(901, { incident });
  const verb = (await loadOperations()).find(({ name }) => name === "incident");
  if (verb === undefined) throw new Error("There is no incident.");
  const opening = { RESTORE_PRIVATE_KEY: lab.operations.key.armor() };
  const env = { ...lab.env("postgresql://lifeboat@127.0.0.1:1/x"), ...opening };
  const run = (given: Record<string, string | boolean>) =>
    runOperation(verb, readInputs(verb, "command", { reason: "a test", ...given }), {
      ...{ env, log: silentLog, signal: new AbortController().signal },
    });
  const { result } = await run({ action: "begin", "no-set": true });
  const held = (result as Begun).held.map((one) => ("done" in one ? one.done : one.failed));
  expect(held).toEqual([expect.objectContaining({ set: newest, what: expect.stringContaining("newest signed set") })]);
  await run({ action: "end" });
});
