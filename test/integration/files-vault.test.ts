import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { applyRetention } from "../../actions/lib/operations/retention/apply-retention.ts";
import { locksAreDue } from "../../actions/lib/operations/retention/locks.ts";
import { deepRecordKey } from "../../actions/lib/operations/verify/files/deep-record.ts";
import { type VerifyFilesOptions, verifyFiles } from "../../actions/lib/operations/verify/files/verify-files.ts";
import { readKeyring, type Signer } from "../../actions/lib/seal/keys/keyring.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { retentionOf } from "../../actions/lib/vault/bucket/lock.ts";
import { newSetId } from "../../actions/lib/vault/format/manifest.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { type Version, versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { withChangedList } from "../faults/proxy/changed-list.ts";
import { seedFiles } from "../lab/storage/index.ts";
import { keysIn } from "./backup-lab.ts";
import { retainFilesAt } from "./retention-lab.ts";
import { openSyncLab, type SyncLab } from "./sync-lab.ts";

/** What the vault of the files is kept like, and whether it is found out when it is not. */

const day = 86_400_000;
const packed = { smallFileBytes: 30_000, packBytes: 60_000, concurrency: 8 };
let lab: SyncLab;
let vault: Vault;
let set: string;
let readers: Signer[];

beforeAll(async () => {
  lab = await openSyncLab({ policy: (policy) => ({ ...policy, storage: packed }) });
  await seedFiles(lab.project, lab.storage, { count: 40, bytes: 2_000_000, seed: 21 });
  vault = lab.lab.vault;
  set = (await lab.sync()).set;
  const { signers } = await readKeyring(lab.lab.publicKeys);
  readers = signers.filter(({ fingerprint }) => fingerprint === lab.lab.operations.fingerprint);
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const verify = (more: Partial<VerifyFilesOptions> = {}) =>
  verifyFiles(vault, "latest", { trustedSigners: lab.lab.signers, lockDays: 60, ...more }, silentLog);
const deep = (share?: number) => ({ deep: { privateKey: lab.lab.operations, readers, share } });

async function versionsOf(key: string): Promise<Version[]> {
  return (await versionsBelow(vault.transport, key)).filter((version) => version.key === key);
}

describe("a verification", () => {
  test("finds nothing wrong with what a sync has just made, and that all of it is locked", async () => {
    const verdict = await verify();
    expect(verdict).toMatchObject({ set, outcome: "whole", findings: [], opened: null });
    expect(verdict.objects).toBeGreaterThan(12);
  });

  test("opens a rotating share, and notes in the vault how far it came", async () => {
    const first = await verify(deep(0.3));
    expect(first).toMatchObject({ outcome: "whole", findings: [] });
    expect(first.opened?.share).toBeGreaterThan(0.29);
    expect(first.opened?.contents).toBeGreaterThan(0);
    let contents = first.opened?.contents ?? 0;
    for (let turn = 0; turn < 20 && contents < 40; turn++) contents += (await verify(deep(0.3))).opened?.contents ?? 0;
    expect(contents).toBeGreaterThanOrEqual(40);
    const all = await verify(deep(1));
    expect(all.opened).toMatchObject({ share: 1, contents: 40 });
  });

  test("trusts no record of earlier ones that somebody else wrote", async () => {
    const { body } = await vault.get(deepRecordKey);
    await vault.put(
      deepRecordKey,
      Buffer.from(
        Buffer.from(body)
          .toString()
          .replace(/"place": "./, '"place": "f'),
      ),
    );
    const verdict = await verify(deep(0.1));
    expect(verdict.outcome).toBe("whole");
    expect(verdict.findings).toMatchObject([{ severity: "warning", code: "record-untrusted" }]);
    expect((await verify(deep(0.1))).findings).toEqual([]);
  });

  test("warns of locks that run out, and of what is locked no more, while the snapshot names it", async () => {
    const later = await verify({ now: new Date(Date.now() + 50 * day) });
    expect(later.findings).toMatchObject([{ severity: "warning", code: "lock-runs-out" }]);
    const late = await verify({ now: new Date(Date.now() + 61 * day) });
    expect(late.findings).toMatchObject([{ severity: "warning", code: "object-unlocked" }]);
  });
});

describe("what was done to the vault is named as damage", () => {
  let keys: string[];
  const undo: (() => Promise<unknown>)[] = [];
  beforeEach(async () => {
    for (const back of undo.splice(0)) await back();
    keys = await keysIn(vault);
  });
  afterAll(async () => {
    for (const back of undo.splice(0)) await back();
  });

  const one = (pattern: RegExp): string => keys.find((key) => pattern.test(key)) ?? "none";
  /** Puts another version over an object, default: with its own metadata; takes it back before the next test. */
  async function replace(key: string, change: (body: Buffer) => Buffer, from = key): Promise<void> {
    const { body, metadata } = await vault.get(from);
    const { versionId } = await vault.put(key, change(Buffer.from(body)), { metadata });
    undo.push(() => deleteVersions(vault.transport, [{ key, versionId }]));
  }
  const flipped = (body: Buffer): Buffer => {
    const at = Math.floor(body.length / 2);
    body[at] = (body[at] ?? 0) ^ 1;
    return body;
  };
  async function expectDamage(where: string, code: string, options: Partial<VerifyFilesOptions> = {}): Promise<void> {
    const verdict = await verify(options);
    const damage = verdict.findings.filter(({ severity }) => severity === "damage");
    expect(damage).toMatchObject([{ where, code }]);
    expect(verdict.outcome).toBe("damaged");
  }

  test("a pack that is missing", async () => {
    const key = one(/^packs\//);
    await deleteVersions(vault.transport, [{ key, versionId: undefined }]);
    const marker = (await versionsOf(key)).find((version) => version.marker);
    undo.push(() => deleteVersions(vault.transport, [{ key, versionId: marker?.versionId }]));
    await expectDamage(key, "object-missing");
  });

  test("a pack that was cut", async () => {
    const key = one(/^packs\//);
    await replace(key, (body) => body.subarray(0, -1));
    await expectDamage(key, "object-size");
  });

  test("a pack of which a bit was changed, when it is opened, and again until it is whole", async () => {
    const key = one(/^packs\//);
    await replace(key, flipped);
    expect((await verify()).outcome).toBe("whole");
    await expectDamage(key, "artifact-damaged", deep(1));
    await expectDamage(key, "artifact-damaged", deep(0.001));
    await undo.pop()?.();
    expect((await verify(deep(0.001))).outcome).toBe("whole");
  });

  test("a large file that was changed", async () => {
    const key = one(/^files\//);
    await replace(key, flipped);
    await expectDamage(key, "artifact-damaged", deep(1));
  });

  test("packs that were swapped", async () => {
    const [first = "", second = ""] = keys.filter((key) => key.startsWith("packs/"));
    await replace(first, (body) => body, second);
    const verdict = await verify(deep(1));
    expect(verdict.findings.map(({ where }) => where)).toContain(first);
    expect(verdict.outcome).toBe("damaged");
  });

  test("a list of files that was changed", async () => {
    const key = one(/\/lists\//);
    await replace(key, flipped);
    await expectDamage(key, "snapshot-damaged");
  });

  test("keys that are not this run's", async () => {
    const key = one(/\/keys\.pgp$/);
    await replace(key, (body) => body, one(/\/index\.keys\.pgp$/));
    await expectDamage(key, "signature-invalid");
  });

  test("a layer that was changed", async () => {
    await replace(one(/\/layer\.json$/), flipped);
    await expectDamage("snapshot", "snapshot-damaged");
  });

  test("a manifest that nobody signed is refused", async () => {
    await replace(one(/\/manifest\.json$/), flipped);
    await expect(verify()).rejects.toMatchObject({ code: "manifest-untrusted" });
  });
});

describe("retention", () => {
  const verifySignature = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.lab.signers);
  const retain = async (days: number, dryRun = false, reports = 400) => {
    const { policy: made } = await lab.lab.config(lab.project.backupUrl);
    const records = { ...made.retention.records, reports };
    const policy = { ...made, retention: { ...made.retention, records } };
    const now = new Date(Date.now() + days * day);
    return retainFilesAt({ vault, policy, verify: verifySignature, now, dryRun });
  };

  test("was done by the first sync, and is not due for a week", async () => {
    expect(await locksAreDue(vault, verifySignature)).toBe(false);
  });

  test("extends no lock of which half is left, and later those of everything that is named", async () => {
    expect((await retain(20)).locks).toMatchObject({ runs: 1, due: [], extended: 0 });
    const key = (await keysIn(vault, "packs/"))[0] ?? "";
    const before = await retentionOf(vault, key);
    expect((await retain(35, true)).locks?.due).toEqual([set]);
    expect(await retentionOf(vault, key)).toEqual(before);
    const { locks, plan: then } = await retain(35);
    expect(locks?.extended).toBeGreaterThan(12);
    expect(then.heldBack).toMatch(/backups are failing/);
    const days = ((await retentionOf(vault, key))?.until.getTime() ?? 0) - Date.now();
    expect(days / day).toBeGreaterThan(94);
  });

  test("removes what the tier no longer keeps with what only it named, and nothing of what others name", async () => {
    await lab.sql("delete from storage.objects where bucket_id = 'student-submissions'");
    const sets = [set];
    for (let turn = 0; turn < 4; turn++) sets.push((await lab.sync({ acceptShrinkage: true })).set);
    // The lab's tier keeps a day, which counts when it was announced for three; the newest three stay whatever their age.
    const plan = await retain(4, true);
    expect(plan.plan.go).toEqual(sets.slice(0, 2));
    expect(plan.plan.unnamed.length).toBeGreaterThan(2);
    await retain(4);
    const verdict = await verify(deep(1));
    expect(verdict).toMatchObject({ set: sets.at(-1), outcome: "whole" });
  });

  test("removes what was noted in the files' own bucket by its term, and what belongs to sets not", async () => {
    const others = [`uses/${set}/${set}.json`, "reports/2026/01/01/x.json"];
    for (const key of ["retention/removed/x.json", ...others]) await vault.put(key, Buffer.from("{}"));
    await retain(4, true, 3);
    expect(await keysIn(vault, "retention/")).toContain("retention/removed/x.json");
    await retain(4, false, 3);
    expect(await keysIn(vault, "retention/")).not.toContain("retention/removed/x.json");
    for (const key of others) expect(await keysIn(vault, key)).toEqual([key]);
  });

  test("a snapshot by a clock a year ahead hides from no one that syncs fail", async () => {
    const newest = (await keysIn(vault, "snapshots/")).findLast((key) => key.endsWith("/manifest.json")) ?? "";
    const ahead = new Date(Date.now() + 365 * day);
    const named = { set: newSetId(ahead), snapshotAt: ahead.toISOString() };
    const manifest = { ...JSON.parse(Buffer.from((await vault.get(newest)).body).toString()), ...named };
    await vault.put(`snapshots/${named.set}/manifest.json.sig`, Buffer.from("as if our key had signed it"));
    await vault.put(`snapshots/${named.set}/manifest.json`, Buffer.from(JSON.stringify(manifest)));
    const { policy } = await lab.lab.config(lab.project.backupUrl);
    const now = new Date(Date.now() + 30 * day);
    const verify = async () => ({ fingerprint: "", signedAt: now });
    const done = await applyRetention({
      ...{ database: vault, files: vault, policy, dryRun: true, log: silentLog, now, storeTime: async () => now },
      ...{ verify, verifyRelease: verify },
    });
    expect(done.database?.plan.facts.stop).toMatch(
      /the newest snapshot of the files is \d+ days old: syncs are failing/,
    );
  });

  test("junk over the newest snapshot, more than anybody reads, counts as syncs that fail, and is an alarm", async () => {
    const junk = `snapshots/${newSetId(new Date())}/manifest.json`;
    for (const key of [`${junk}.sig`, junk]) await vault.put(key, Buffer.from("{}"));
    const flooded = withChangedList(vault, "snapshots/", (own) =>
      own.map((one) => (one.Key === junk ? { ...one, Size: 300 * 1024 * 1024 } : one)),
    );
    const { policy } = await lab.lab.config(lab.project.backupUrl);
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.lab.signers);
    const common = { policy, dryRun: true, log: silentLog, verify, verifyRelease: verify };
    const done = await applyRetention({ ...common, database: vault, files: flooded });
    expect(done.database?.plan.facts.stop).toMatch(/whether syncs fail cannot be told/);
    expect(done.alarms.join(" ")).toMatch(/ALARM: more snapshots without a trusted signature/);
  });
});
