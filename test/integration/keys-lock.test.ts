import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import type { Config } from "../../actions/lib/config/load.ts";
import { dailySummary } from "../../actions/lib/notify/daily-summary.ts";
import { checkPromises, promiseJudge } from "../../actions/lib/operations/policy-check/promise-check.ts";
import { planBranch } from "../../actions/lib/report/branch/plan-branch.ts";
import { truthOf } from "../../actions/lib/report/branch/standing.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { lockObject, retentionOf } from "../../actions/lib/vault/bucket/lock.ts";
import { askStanding, signingKey } from "../../actions/lib/vault/configured.ts";
import { setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { inspectKeysOfSets } from "../../actions/lib/vault/keys-lock.ts";
import type { VerifySignature } from "../../actions/lib/vault/published/signed-manifest.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { encodeManifest, publishSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { storeUnpublished } from "../faults/proxy/test-manifest.ts";
import { lifeboat } from "../lab/command-line.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { newSetId, newTestKey, signAndPublish, type TestKey } from "./assembled-set.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";

const day = 86_400_000;
let lab: BackupLab;
let policy: Config<"vault">["policy"];
let signing: TestKey;
const later = (days: number) => new Date(Date.now() + days * day);

beforeAll(async () => {
  signing = await newTestKey("signing");
  const keptFor = { retentionDays: 200, lock: "governance" } as const;
  lab = await openBackupLab(sharedS3(), {
    policy: (one) => ({ ...one, tiers: { daily: keptFor, weekly: keptFor, monthly: { ...keptFor, lock: "none" } } }),
  });
  ({ policy } = await lab.config("postgres://nobody@127.0.0.1/unused"));
});
afterAll(() => lab?.[Symbol.asyncDispose]());

/** As a backup does it. */
const keepKeysLocked = (vault: Vault, { tiers }: typeof policy, verify: VerifySignature, now = new Date()) =>
  inspectKeysOfSets(vault, { tiers, verify, now, renew: (key, until) => lockObject(vault, key, until) });

const verify: VerifySignature = (bytes, armored) => verifyDetached(bytes, armored, signing.signers);

async function putSet(
  tier: "daily" | "monthly",
  names = ["keys.pgp", "secrets.pgp"],
  signer = signing,
): Promise<string> {
  const set = newSetId();
  const manifest = await storeUnpublished(lab.vault, tier, newSetId());
  const prefix = setPrefix(tier, set);
  for (const name of names) await lab.vault.put(prefix + name, Buffer.from(name));
  await signAndPublish(lab.vault, { ...manifest, set }, signer);
  return prefix;
}

async function daysLeft(key: string, from: Date): Promise<number> {
  const until = (await retentionOf(lab.vault, key))?.until.getTime() ?? Number.NaN;
  return Math.round((until - from.getTime()) / day);
}

test("the keys of every kept set are locked for 90 days, and on and on while the set is kept", async () => {
  const [prefix, free] = [await putSet("daily"), await putSet("monthly")];
  expect(await keepKeysLocked(lab.vault, policy, verify)).toEqual({ renewed: 1, alarms: [] });
  for (const name of ["keys.pgp", "secrets.pgp"]) expect(await daysLeft(prefix + name, new Date())).toBe(90);
  expect(await retentionOf(lab.vault, `${prefix}manifest.json`)).toBeNull();
  expect(await retentionOf(lab.vault, `${free}keys.pgp`)).toBeNull();
  expect((await keepKeysLocked(lab.vault, policy, verify, later(14))).renewed).toBe(0);
  expect((await keepKeysLocked(lab.vault, policy, verify, later(40))).renewed).toBe(1);
  expect(await daysLeft(`${prefix}keys.pgp`, later(40))).toBe(90);
  // What the policy no longer keeps is let go.
  expect((await keepKeysLocked(lab.vault, policy, verify, later(201))).renewed).toBe(0);
});

test("keys that are gone or hidden are an alarm by the set's name, for the set is lost with them; what nobody trusted has signed alarms nobody", async () => {
  const [gone, hidden] = [await putSet("daily", []), await putSet("daily")];
  await lab.vault.transport.request({ operation: "DeleteObject", key: hidden }, ({ client, bucket }) =>
    client.send(new DeleteObjectCommand({ Bucket: bucket, Key: `${hidden}keys.pgp` })),
  );
  const forged = await putSet("daily", [], await newTestKey("signing"));
  const { alarms } = await keepKeysLocked(lab.vault, policy, verify);
  expect(alarms).toHaveLength(1);
  expect(alarms[0]).not.toContain(forged.split("/")[2]);
  for (const prefix of [gone, hidden]) expect(alarms[0]).toContain(prefix.split("/")[2]);
});

test("keys that the store does not lock are an alarm once less than 45 days are left, and not before", async () => {
  const prefix = await putSet("daily");
  const denied = { ...lab.vault, transport: refusing() };
  const named = async (now: Date) => (await keepKeysLocked(denied, policy, verify, now)).alarms.join("\n");
  expect(await named(new Date())).toContain(prefix.split("/")[2]);
  await keepKeysLocked(lab.vault, policy, verify);
  expect(await named(later(40))).not.toContain(prefix.split("/")[2]);
  expect(await named(later(46))).toContain(prefix.split("/")[2]);

  function refusing(): BackupLab["vault"]["transport"] {
    const { transport } = lab.vault;
    return {
      ...transport,
      request: async (call, attempt) => {
        if (call.operation === "PutObjectRetention") throw new ConfigurationError("s3-denied", "no right to lock");
        return transport.request(call, attempt);
      },
    };
  }
});

test("keys that run out are told in the same words by the policy check, the daily summary, the reports and lifeboat check", async () => {
  const ours = await openBackupLab(sharedS3(), {
    policy: (one) => ({ ...one, tiers: { ...one.tiers, daily: { retentionDays: 200, lock: "governance" } } }),
  });
  try {
    const unreachable = "postgres://nobody@127.0.0.1:1/unused";
    const env = ours.env(unreachable);
    const config = await ours.config(unreachable);
    const set = newSetId();
    const manifest = await storeUnpublished(ours.vault, "daily", newSetId());
    await ours.vault.put(`${setPrefix("daily", set)}keys.pgp`, Buffer.from("locked by nobody"));
    const bytes = encodeManifest({ ...manifest, set });
    const signature = await signDetached(bytes, await signingKey(config));
    await publishSet(ours.vault, { ...manifest, set }, bytes, signature, { lease: { async assertHeld() {} } });
    const told = `ALARM: the keys of 1 set are locked for less than 45 days more (${set}): without its keys a set is lost.`;

    const standing = await askStanding(config);
    expect(standing.keys).toEqual([told]);
    const promises = await checkPromises(config, truthOf(standing));
    const words = { pageUrl: () => undefined, label: (operation: string) => operation };
    const summary = dailySummary({ day: "2026-11-29", reports: [], promises }, words);
    expect(summary.lines.join("\n")).toContain(told);
    const news = { project: "lab", reports: [], notes: [], now: new Date() };
    const judge = await promiseJudge(config);
    const plan = planBranch(
      { paths: [], read: () => "" },
      { ...news, standing: { ...standing, source: "vault" }, promises: judge },
    );
    expect([...plan.changes.values()].join("\n")).toContain(told);
    for (const args of [["policy", "check"], ["check"]]) {
      expect((await lifeboat([...args, "--json"], env)).stdout).toContain(told);
    }

    await lockObject(ours.vault, `${setPrefix("daily", set)}keys.pgp`, later(46));
    expect((await askStanding(config)).keys).toEqual([]);
  } finally {
    await ours[Symbol.asyncDispose]();
  }
});
