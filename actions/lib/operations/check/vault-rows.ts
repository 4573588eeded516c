import { LifeboatError } from "../../base/errors.ts";
import type { Config } from "../../config/load.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { type BucketFacts, inspectBucket, probeWrite } from "../../vault/bucket/inspect.ts";
import { type ArchiveWish, judgeLifecycle, readLifecycle } from "../../vault/bucket/lifecycle.ts";
import { openReplica } from "../../vault/configured.ts";
import { regionOf } from "../../vault/s3/bucket-facts.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type CheckRow, fail, failed, ok, warn } from "./check-row.ts";

type Wishes = Pick<Policy, "regions" | "vault">;

export interface InspectedBucket {
  readonly rows: readonly CheckRow[];
  /** Objects can be locked. */
  readonly locks: boolean;
}

/** What the bucket is: nothing is written for it. */
export async function checkBucket(policy: Wishes, vault: Vault, expectedRegion: string): Promise<InspectedBucket> {
  try {
    const facts = await inspectBucket(vault);
    const rows = [
      ok("bucket", `${vault.bucket} answers`),
      await clockRow(vault),
      regionRow(facts, policy, expectedRegion),
      versioningRow(facts),
      lockRow(facts, policy),
    ];
    return { rows, locks: facts.objectLock.state === "known" && facts.objectLock.value.enabled };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return { rows: [failed(error.code === "region-refused" ? "region" : "bucket", error)], locks: false };
  }
}

/** Whether a backup could write; a small object is written to know. */
export async function tryBucket(vault: Vault): Promise<CheckRow[]> {
  try {
    const { mayWrite, conditionalWrites } = await probeWrite(vault);
    if (mayWrite.state !== "known") {
      return [
        fail(
          "bucket access",
          `may not be written: ${mayWrite.why}`,
          "Grant the backup's role s3:PutObject on this bucket.",
        ),
      ];
    }
    const rows = [ok("bucket access", "may be written")];
    if (conditionalWrites.state === "known" && !conditionalWrites.value) {
      rows.push(
        fail(
          "conditional writes",
          "the store overwrites what it was asked not to (If-None-Match)",
          "Use a store that has conditional writes: without them two runs could spoil each other's sets.",
        ),
      );
    }
    return rows;
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return [failed("bucket access", error)];
  }
}

/** As far as S3 itself lets a request's time be off (RequestTimeTooSkewed), before the SDK corrects it behind our back. */
const mostMinutesOff = 15;

/** Sets are named, ordered and locked by this machine's clock: one that is wrong would make an old set the newest. */
async function clockRow(vault: Vault): Promise<CheckRow> {
  const store = await vault.serverTime();
  const minutes = Math.round((Date.now() - store.getTime()) / 60_000);
  if (Math.abs(minutes) <= mostMinutesOff) return ok("clock", "agrees with the store's");
  return fail(
    "clock",
    `this machine's is ${Math.abs(minutes)} minutes ${minutes > 0 ? "ahead of" : "behind"} the store's`,
    "Set the clock of this machine: sets are named, ordered and locked by it.",
  );
}

function regionRow(
  { region, bucket }: Pick<BucketFacts, "region" | "bucket">,
  policy: Wishes,
  expected: string,
): CheckRow {
  const allowed = policy.regions.join(", ");
  if (region.state !== "known") {
    // A store of one's own may have no regions; then the configured one is all that can be judged.
    return policy.regions.includes(expected)
      ? warn(
          "region",
          `${region.why}; configured is ${expected}`,
          "Make sure yourself that the store's disks are where the policy allows.",
        )
      : fail(
          "region",
          `configured is ${expected}; the policy allows ${allowed}`,
          "Use a bucket in an allowed region, or have the policy's regions reviewed.",
        );
  }
  if (policy.regions.includes(region.value)) return ok("region", region.value);
  return fail(
    "region",
    `${bucket} is in ${region.value}; the policy allows ${allowed}`,
    "Use a bucket in an allowed region, or have the policy's regions reviewed.",
  );
}

/** Somebody waits, and a replica that does not answer stops no backup. */
const patience = { attempts: 2, totalSeconds: 10, stallSeconds: 5 };

/** Where the replica is, which S3 itself fills: into a region that the policy does not allow, nothing is backed up at all. */
export async function checkReplicaPlace({ env, policy }: Pick<Config, "env" | "policy">): Promise<CheckRow[]> {
  try {
    using replica = await openReplica({ retry: patience }, env);
    if (replica === undefined) return [];
    const facts = { bucket: replica.bucket, region: await regionOf(replica.transport) };
    return [ofReplica(regionRow(facts, policy, replica.region))];
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    if (error.code === "configuration") return [ofReplica(failed("settings", error))];
    return [ofReplica(warn("region", `not known: ${error.message}`, "See runbooks/replica.md."))];
  }
}

/** The vault's own buckets have rows of the same names. */
export function ofReplica(row: CheckRow): CheckRow {
  return { ...row, check: `replica: ${row.check}` };
}

function versioningRow({ versioning }: BucketFacts): CheckRow {
  if (versioning.state !== "known")
    return warn("versioning", `not known: ${versioning.why}`, "Grant s3:GetBucketVersioning.");
  if (versioning.value === "enabled") return ok("versioning", "enabled");
  return warn(
    "versioning",
    versioning.value,
    "Switch versioning on: without it an overwritten or deleted object is gone.",
  );
}

function lockRow({ objectLock }: BucketFacts, policy: Wishes): CheckRow {
  const wanted = policy.vault.objectLock === "required";
  const judge = wanted ? fail : warn;
  if (objectLock.state !== "known")
    return judge("object lock", `not known: ${objectLock.why}`, "Grant s3:GetBucketObjectLockConfiguration.");
  const { enabled, defaultMode, defaultDays } = objectLock.value;
  if (!enabled) {
    return judge(
      "object lock",
      "off: whoever holds the credentials can delete every backup",
      "Switch object lock on for the bucket (S3 console, Properties), or relax vault.objectLock in the policy by review.",
    );
  }
  return ok(
    "object lock",
    defaultMode === undefined ? "on" : `on, by default ${defaultMode} for ${defaultDays ?? "?"} days`,
  );
}

/** Whether the bucket moves archives, and only them, to the class that the policy names. A backup can run all the same. */
export async function checkLifecycle(policy: Pick<Policy, "archive" | "tiers">, vault: Vault): Promise<CheckRow> {
  const check = "archive lifecycle";
  const wish: ArchiveWish = { ...policy.archive, retentionDays: policy.tiers.monthly.retentionDays };
  try {
    const rules = await readLifecycle(vault);
    if (rules.state !== "known") {
      return warn(check, `not known: ${rules.why}`, "Grant s3:GetLifecycleConfiguration.");
    }
    const { problems, wanted } = judgeLifecycle(rules.value, wish);
    if (problems.length === 0) return ok(check, `archives go to ${wish.storageClass} after ${wish.afterDays} days`);
    const put = `aws s3api put-bucket-lifecycle-configuration --bucket ${vault.bucket} --lifecycle-configuration`;
    return warn(check, problems.join("; "), `Put these rules (they replace all): ${put} '${JSON.stringify(wanted)}'`);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return failed(check, error);
  }
}
