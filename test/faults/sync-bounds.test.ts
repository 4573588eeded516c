import { readFile, writeFile } from "node:fs/promises";
import { beforeEach, describe, expect, test } from "vitest";
import type { SyncRequest } from "../../actions/lib/operations/sync/request.ts";
import { generateKey, readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { syncLease } from "../../actions/lib/vault/format/names.ts";
import { acquireLease } from "../../actions/lib/vault/lease/lease.ts";
import { openSyncScene, type SyncScene } from "./sync-scene.ts";

let lab: SyncScene;

beforeEach(async () => {
  lab = await openSyncScene();
  return () => lab[Symbol.asyncDispose]();
});

describe("bounds", () => {
  const withPolicy = async (storage: Record<string, unknown>): Promise<Partial<SyncRequest>> => {
    const { loadConfig } = await import("../../actions/lib/config/load.ts");
    const config = await loadConfig({ needs: ["storageVault", "sourceStorage", "signing", "source"], env: lab.env() });
    const policy = { ...config.policy, storage: { ...config.policy.storage, ...storage } };
    return { config: { ...config, policy } };
  };

  test("a bucket that is emptied stops the run, unless somebody says that it was meant", async () => {
    const { set } = await lab.sync();
    const bound = await withPolicy({ largestVanishingShare: 0.2 });
    await lab.sql("delete from storage.objects where bucket_id = 'exam-files'");
    await expect(lab.sync(bound)).rejects.toMatchObject({
      code: "shrunk",
      next: expect.stringContaining("--accept-shrinkage"),
    });
    expect(await lab.manifests()).toEqual([set]);
    const result = await lab.sync({ ...bound, acceptShrinkage: true });
    expect(result.counts).toMatchObject({ buckets: 3, files: 16, filesRemoved: 8 });
    expect(result.warnings.join()).toContain("It was accepted");
  });

  test("buckets that come and go are followed; one that the policy names must be there", async () => {
    await lab.sync();
    await lab.sql("insert into storage.buckets (id, name, public) values ('later', 'later', true)");
    await lab.sql("delete from storage.objects where bucket_id = 'student-submissions'");
    await lab.sql("delete from storage.buckets where id = 'student-submissions'");
    const result = await lab.sync();
    expect(result.inBuckets.map(({ bucket, files: count }) => [bucket, count])).toEqual([
      ["exam-files", 8],
      ["later", 0],
      ["processed-results", 8],
    ]);
    const named = await withPolicy({ buckets: ["exam-files", "student-submissions"] });
    await expect(lab.sync(named)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("student-submissions"),
    });
  });

  test("egress ends at the budget; what was copied is not copied again by the next run", async () => {
    const bound = await withPolicy({ egress: { bytesPerRun: 250_000, bytesPerMonth: null } });
    await expect(lab.sync(bound)).rejects.toMatchObject({ code: "egress-budget" });
    expect(await lab.manifests()).toEqual([]);
    const read = lab.storage.answered.filter(({ operation }) => operation === "GetObject").length;
    expect(read).toBeLessThan(24);
    const result = await lab.sync(bound);
    expect(Number(result.counts.egressBytes)).toBeLessThan(250_000);
    expect(result.counts.filesCopied).toBe(24);
    await lab.expectWhole(result.set);
  });
});

describe("two runs", () => {
  test("at once: the second is refused and says who is at work", async () => {
    await using lease = await acquireLease(lab.lab.vault, syncLease, { holder: "another sync" });
    await lease.assertHeld();
    await expect(lab.sync()).rejects.toMatchObject({
      ...{ code: "lease-held", exitCode: 2 },
      message: expect.stringContaining("another sync"),
    });
  });

  test("one that was called off in the middle leaves no snapshot, and the next goes on where it was", async () => {
    const controller = new AbortController();
    let asked = 0;
    lab.storage.inject({
      kind: "slow",
      on({ operation }) {
        if (operation === "GetObject" && ++asked === 16) controller.abort(new Error("off"));
        return false;
      },
    });
    await expect(lab.sync({ signal: controller.signal })).rejects.toMatchObject({ code: "interrupted" });
    expect(await lab.manifests()).toEqual([]);
    const before = lab.storage.answered.length;
    const result = await lab.sync();
    const again = lab.storage.answered.slice(before).filter(({ operation }) => operation === "GetObject").length;
    expect(again).toBeLessThan(24);
    expect(result.counts).toMatchObject({ files: 24, filesCopied: 24 });
    await lab.retention();
    await lab.expectWhole(result.set);
    const left: string[] = [];
    for await (const { key } of lab.lab.vault.list("snapshots/")) if (key.includes("/journal/")) left.push(key);
    expect(left).toEqual([]);
    expect((await lab.sync()).counts).toMatchObject({ filesCopied: 0, filesChanged: 0 });
  });
});

describe("another signing key", () => {
  test("closes the lists, says what to do, and is bridged once by the former one", async () => {
    const { set } = await lab.sync();
    const passphrase = "another passphrase";
    const expires = new Date(Date.now() + 86_400_000);
    const made = await generateKey({ role: "signing", project: "lab", passphrase, expires });
    const policyPath = lab.env()["LIFEBOAT_POLICY"] ?? "";
    const policy = JSON.parse(await readFile(policyPath, "utf8"));
    policy.keys.signing.unshift(made.fingerprint);
    await writeFile(policyPath, JSON.stringify(policy));
    const change = {
      BACKUP_PUBLIC_KEYS: `${lab.lab.publicKeys}\n${made.publicArmored}`,
      ...{ BACKUP_SIGNING_KEY: made.privateArmored, BACKUP_SIGNING_PASSPHRASE: passphrase },
    };
    await expect(lab.sync({}, change)).rejects.toMatchObject({
      ...{ code: "index-key-foreign", exitCode: 2 },
      next: expect.stringMatching(/BACKUP_SIGNING_KEY_PREVIOUS.*--full/),
    });
    const { BACKUP_SIGNING_KEY = "", BACKUP_SIGNING_PASSPHRASE } = lab.env();
    const former = await readPrivateKey(BACKUP_SIGNING_KEY, BACKUP_SIGNING_PASSPHRASE);
    const bridged = await lab.sync({ formerSigning: [former] }, change);
    expect(bridged).toMatchObject({ previous: set, counts: { files: 24, filesCopied: 0 } });
    // From then on the present key is enough.
    expect(await lab.sync({}, change)).toMatchObject({ previous: bridged.set, counts: { filesCopied: 0 } });
    const opened = await lab.sync({ opening: lab.lab.operations }, { BACKUP_PUBLIC_KEYS: change.BACKUP_PUBLIC_KEYS });
    expect(opened).toMatchObject({ counts: { files: 24, filesCopied: 0 } });
  });
});
