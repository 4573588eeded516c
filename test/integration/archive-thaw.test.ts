import { CopyObjectCommand, PutBucketLifecycleConfigurationCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { findMadeInPeriod } from "../../actions/lib/operations/backup/earlier-sets.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { checkLifecycle } from "../../actions/lib/operations/check/vault-rows.ts";
import { type ThawOptions, thawSet } from "../../actions/lib/operations/thaw/thaw-set.ts";
import { verificationPage } from "../../actions/lib/operations/verify/page.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { leavesStandard } from "../../actions/lib/vault/bucket/lifecycle.ts";
import { objectStates } from "../../actions/lib/vault/bucket/thaw.ts";
import { readSignedSet } from "../../actions/lib/vault/sets/open-set.ts";
import { createProject, dropProject, execute, type LabProject } from "../lab/index.ts";
import { type RunningGlacier, startGlacier } from "../lab/servers/glacier.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { type BackupLab, backUp, labPolicy, openBackupLab, recordingLog } from "./backup-lab.ts";
import { isUntouched, restoreInto, told } from "./restore-lab.ts";
import { openRestoreTestLab } from "./restore-test-lab.ts";

const name = `thaw_${process.pid}`;
const storageClass = "DEEP_ARCHIVE" as const;
let s3: RunningGlacier;
let lab: BackupLab;
let source: LabProject;
let target: LabProject;
let set: BackupResult;

beforeAll(async () => {
  s3 = await startGlacier();
  // moto answers a question for a lock that an object has not with something that is no XML: this bucket locks nothing.
  const tier = { retentionDays: 1, lock: "none" } as const;
  lab = await openBackupLab(s3, {
    lock: false,
    policy: (policy) => ({
      ...policy,
      archive: { storageClass, afterDays: 2 },
      tiers: { daily: tier, weekly: tier, monthly: tier },
      vault: { ...policy.vault, objectLock: "recommended" },
    }),
  });
  const superuserUrl = sharedPostgres(17).superuserUrl();
  source = await createProject(superuserUrl, name);
  target = await createProject(superuserUrl, `${name}_target`);
  await execute(
    source.postgresUrl,
    "create table public.notes as select n, 'note ' || n as text from generate_series(1, 500) n",
  );
  set = await backUp(lab, source.backupUrl, { tier: "monthly" });
});
afterAll(async () => {
  const superuserUrl = sharedPostgres(17).superuserUrl();
  for (const other of ["target", "staging"]) await dropProject(superuserUrl, `${name}_${other}`);
  await dropProject(superuserUrl, name);
  await lab?.[Symbol.asyncDispose]();
  await s3?.stop();
});

/** What the lifecycle does: the tagged objects change their class. */
async function freeze(): Promise<void> {
  const client = s3.client();
  for (const { name } of cold()) {
    const Key = set.prefix + name;
    const CopySource = `${lab.bucket}/${Key}`;
    await client.send(new CopyObjectCommand({ Bucket: lab.bucket, Key, CopySource, StorageClass: storageClass }));
  }
  client.destroy();
}
const cold = () => set.artifacts.filter(({ name }) => leavesStandard(name));

const signed = () => readSignedSet(lab.vault, set, lab.signers);
const thaw = async (more: Partial<ThawOptions> = {}) =>
  thawSet(lab.vault, await signed(), {
    ...{ tier: "Standard", days: 3, dryRun: false, wait: false, pollSeconds: 0.05, log: silentLog },
    ...more,
  });
const sqlState = async () =>
  (await objectStates(lab.vault, set.prefix, (await signed()).manifest.artifacts)).find(({ key }) =>
    key.includes(".sql."),
  )?.state;

describe("an archive in Glacier", () => {
  test("is read in full while it is in Standard, and counts as this month's", async () => {
    const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
    expect(await verifySet(lab.vault, set, options, silentLog)).toMatchObject({ outcome: "whole" });
    expect(await thaw()).toMatchObject({ outcome: "ready", requested: 0 });
    const made = await findMadeInPeriod(lab.vault, "monthly", "month", lab.signers, silentLog);
    expect(made?.set).toBe(set.set);
  });

  test("is found there with its size, but never called whole", async () => {
    await freeze();
    for (const deep of [false, true]) {
      const options = { trustedSigners: lab.signers, deep, privateKey: lab.operations };
      const verdict = await verifySet(lab.vault, set, options, silentLog);
      expect(verdict.outcome).toBe("unread");
      expect(verdict.findings.filter(({ severity }) => severity === "damage")).toEqual([]);
      expect(verdict.findings.map(({ code }) => code)).toContain("object-frozen");
      expect(verificationPage(verdict).sentence).toMatch(
        /but 01-schema\.sql\.zst\.pgp, 99-schema\.sql\.zst\.pgp, .* cannot be read/,
      );
    }
  });

  test("is not restored: the refusal names the command that brings it back, and the target stays as it is", async () => {
    await expect(restoreInto(lab, target.postgresUrl)).rejects.toMatchObject({
      ...{ exitCode: 2, code: "set-frozen" },
      next: expect.stringContaining(`lifeboat thaw ${set.set} --wait`),
    });
    expect(await isUntouched(target.superuserUrl)).toBe(true);
  });

  test("a dry run of a thaw tells tier, time and price, and asks for nothing", async () => {
    const log = recordingLog();
    expect(await thaw({ dryRun: true, log })).toMatchObject({ outcome: "dry-run", expected: "within 12 hours" });
    expect(log.lines.join("\n")).toMatch(/tier Standard: within 12 hours, less than \$0\.01 /);
    expect(await sqlState()).toBe("frozen");
    await expect(thaw({ tier: "Expedited" })).rejects.toMatchObject({ exitCode: 2, code: "thaw-tier" });
  });

  test("a thaw can be begun, begun again while it is under way, and waited for", async () => {
    await s3.restoresTake(6);
    expect(await thaw()).toMatchObject({ outcome: "requested", requested: cold().length, underWay: 0 });
    expect(await thaw()).toMatchObject({ outcome: "requested", requested: 0, underWay: cold().length });
    await expect(restoreInto(lab, target.postgresUrl)).rejects.toMatchObject({
      message: expect.stringContaining("being thawed"),
    });
    const ready = await thaw({ wait: true });
    expect(ready.outcome).toBe("ready");
    expect(Date.parse(ready.readyUntil ?? "")).toBeGreaterThan(Date.now());
    await s3.restoresTake("now");
  });

  test("restore --thaw brings it back itself and proves the restore", async () => {
    await freeze();
    expect(await sqlState()).toBe("frozen");
    const result = await restoreInto(lab, target.postgresUrl, { thaw: true });
    expect(told(result, "failed")).toEqual([]);
    expect(result.outcome).toBe("equal");
  });

  test("a restore test asks for the archive whose turn it is, and a later run finds it there", async () => {
    await freeze();
    const staging = await createProject(sharedPostgres(17).superuserUrl(), `${name}_staging`);
    const tests = openRestoreTestLab(lab, staging.postgresUrl);
    await tests.mark();
    tests.policy({ turns: ["archive"], thaw: false });
    await expect(tests.run()).rejects.toMatchObject({ code: "set-frozen", exitCode: 2 });
    tests.policy({ turns: ["archive"] });
    await s3.restoresTake(2);
    expect(await tests.run()).toMatchObject({ outcome: "thawing", set: set.set, expected: "within 12 hours" });
    expect(await isUntouched(staging.superuserUrl)).toBe(true);
    await s3.restoresTake("now");
    await thaw({ wait: true });
    expect(await tests.run()).toMatchObject({ outcome: "proven", set: set.set, turn: "archive" });
  });
});

describe("the lifecycle check", () => {
  const wish = () => {
    const policy = labPolicy({ recipients: { operations: null, prover: null, escrow: null }, signing: [] });
    return { tiers: policy.tiers, archive: { storageClass, afterDays: 2 } } as Parameters<typeof checkLifecycle>[0];
  };

  test("names a rule that is missing or wrong and gives the rules to put, with which it is content", async () => {
    const missing = await checkLifecycle(wish(), lab.vault);
    expect(missing).toMatchObject({ status: "warn", found: expect.stringContaining("no rule moves the archives") });
    const rules = JSON.parse(/'(\{.*\})'$/.exec(missing.next ?? "")?.[1] ?? "");
    const client = s3.client();
    const put = (LifecycleConfiguration: typeof rules) =>
      client.send(new PutBucketLifecycleConfigurationCommand({ Bucket: lab.bucket, LifecycleConfiguration }));
    await put(rules);
    expect(await checkLifecycle(wish(), lab.vault)).toMatchObject({ status: "ok" });
    const other = await checkLifecycle({ ...wish(), archive: { storageClass: "GLACIER", afterDays: 2 } }, lab.vault);
    expect(other.found).toContain(
      "the archives go to DEEP_ARCHIVE after 2 days; the policy wants GLACIER after 2 days",
    );
    client.destroy();
  });
});
