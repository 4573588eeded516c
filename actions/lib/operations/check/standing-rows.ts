import { LifeboatError } from "../../base/errors.ts";
import { countOf } from "../../base/measures.ts";
import type { Environment } from "../../config/environment.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { runnerPlace } from "../../config/vault-location.ts";
import { objectLockOf, probeKey } from "../../vault/bucket/inspect.ts";
import { inspectReplica } from "../../vault/bucket/replication.ts";
import { manifestVerifier } from "../../vault/configured.ts";
import { describeIncident, readIncident } from "../../vault/incident/state.ts";
import { inspectKeysOfSets, keysLock } from "../../vault/keys-lock.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { deleteVersions } from "../../vault/s3/delete-versions.ts";
import { firstFew, trustedSets, trustedSnapshots, watchedSet, watchedSnapshot } from "../../vault/standing.ts";
import type { Context } from "../context.ts";
import { type CheckRow, failed, ok, warn } from "./check-row.ts";
import { checkBucket, ofReplica } from "./vault-rows.ts";

/** No run has these names: nothing is there, and nothing will be. */
const nobodys = "00000000T000000Z-00000000";
const canaries = {
  database: `database/daily/${nobodys}/manifest.json`,
  files: `packs/${nobodys}/00001.tar.zst.pgp`,
} as const;

/**
 * Whether the role that backs up may delete versions, which it need not: tried on an object that is not there, with a version
 * id that another object has. S3 refuses before it looks, and else says that it is done (DeleteObjects, API reference: what is
 * not found counts as deleted). Never part of a backup.
 */
export async function checkDeletion(vault: Vault, what: keyof typeof canaries): Promise<CheckRow> {
  const check = "deletion";
  const refused = ok(check, "this role may delete no version");
  try {
    const versionId = (await vault.head(probeKey))?.versionId ?? "null";
    const { kept } = await deleteVersions(vault.transport, [{ key: canaries[what], versionId }]);
    const code = kept[0]?.code;
    if (code === "AccessDenied") return refused;
    if (code === undefined || code === "NoSuchVersion" || code === "NoSuchKey")
      return warn(
        check,
        "this role may delete every version that no lock holds, and so may whoever gets hold of its credentials",
        "Give the job a role that may not, as scripts/provision/access.yml makes it: backups and syncs delete nothing.",
      );
    return warn(check, `not known: the store answered ${code}`, "See that the role has no s3:DeleteObjectVersion.");
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return error.code === "s3-denied" ? refused : failed(check, error);
  }
}

/** An incident that is on: backups run, under a mark. Nothing where none is. */
export async function checkIncident(vault: Vault, ends: VerifySignature): Promise<CheckRow[]> {
  const state = await readIncident(vault, ends);
  if (!state.on) return [];
  const next = "Backups bear its mark and do not count as good ones until it ends: runbooks/incident.md.";
  return [warn("incident", describeIncident(state), next)];
}

/** Whether the keys of all sets are there and locked: without them a set is lost. None where the bucket locks nothing. */
export async function checkKeysLock(
  vault: Vault,
  { tiers }: Pick<Policy, "tiers">,
  verify: VerifySignature,
): Promise<CheckRow[]> {
  const check = "keys of sets";
  try {
    const lock = await objectLockOf(vault);
    if (lock.state !== "known" || !lock.value.enabled) return [];
    const { alarms } = await inspectKeysOfSets(vault, { tiers, verify });
    if (alarms.length === 0) return [ok(check, `there, and locked for ${keysLock.leastDays} days or more`)];
    const next = "Make a backup, which renews the locks; where keys are gone or hidden: runbooks/vault-meddled.md.";
    return alarms.map((alarm) => warn(check, alarm, next));
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return [failed(check, error)];
  }
}

/** So many of the newest sets and snapshots are looked for in the replica. */
const looked = 15;

/** Whether the replica can serve: where it is, whether it locks, and whether what was made lately is there. None where none is set. */
export async function checkReplica(context: Context): Promise<CheckRow[]> {
  const replica = await context.replica();
  if (replica === undefined) {
    const next = "Replicate both buckets into another region that the policy allows: runbooks/replica.md.";
    return [warn("replica", "none is set: the vault's region is all that there is", next)];
  }
  const { policy } = context.config();
  const { rows: bucket } = await checkBucket(policy, replica, replica.region);
  // No backup waits for the replica.
  const rows = bucket.map((row) => ofReplica(row.status === "fail" ? { ...row, status: "warn" } : row));
  if (bucket.some(({ check, status }) => (check === "bucket" || check === "region") && status === "fail")) return rows;
  try {
    const verify = await manifestVerifier(context.config());
    const vault = await context.vault();
    const sets = await firstFew(trustedSets(vault, verify, { marked: "count" }), looked);
    const watched = sets.map((one) => watchedSet(vault, one));
    if (context.has("storageVault")) {
      const files = await context.files();
      const snapshots = await firstFew(trustedSnapshots(files, verify, { marked: "count" }), looked);
      watched.push(...snapshots.map((one) => watchedSnapshot(files, one)));
    }
    const alarms = await inspectReplica(replica, watched, policy.replica);
    const fine = `holds the ${countOf(watched.length, "newest set or snapshot", "newest sets and snapshots")}, or they are on their way`;
    const next = "See runbooks/replica.md.";
    return [
      ...rows,
      ...(alarms.length === 0 ? [ok("replica", fine)] : alarms.map((alarm) => warn("replica", alarm, next))),
    ];
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return [...rows, warn("replica", error.message, error.next ?? "See runbooks/replica.md.")];
  }
}

/** Where the machine is that plaintext passes through. */
export function runnerRow(env: Environment): CheckRow {
  return ok("runner", runnerPlace(env));
}
