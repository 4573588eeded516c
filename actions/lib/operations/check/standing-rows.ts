import { LifeboatError } from "../../base/errors.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { objectLockOf, probeKey } from "../../vault/bucket/inspect.ts";
import { inspectKeysOfSets, keysLock } from "../../vault/keys-lock.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { deleteVersions } from "../../vault/s3/delete-versions.ts";
import { type CheckRow, failed, ok, warn } from "./check-row.ts";

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
        "Give the job a role that may not, as scripts/provision/roles.yml makes it: backups and syncs delete nothing.",
      );
    return warn(check, `not known: the store answered ${code}`, "See that the role has no s3:DeleteObjectVersion.");
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return error.code === "s3-denied" ? refused : failed(check, error);
  }
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
