import type { Log } from "../../base/log.ts";
import type { Policy } from "../../config/policy/policy.ts";
import type { SignBytes } from "../../seal/keys/signature.ts";
import { inspectBucket } from "../../vault/bucket/inspect.ts";
import { backupLease, syncLease } from "../../vault/format/names.ts";
import { acquireLease, type Lease } from "../../vault/lease/lease.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type LeftoversRemoved, removeLeftovers, removeLitter, removeSnapshots } from "./remove.ts";
import { type RetentionResult, runRetention } from "./run-retention.ts";

export interface VaultsRetentionOptions {
  /** Null where there is none to look after. */
  readonly database: Vault | null;
  readonly files: Vault | null;
  readonly policy: Policy;
  readonly verify: VerifySignature;
  readonly sign?: SignBytes | undefined;
  /** Looks, and changes nothing. */
  readonly dryRun: boolean;
  readonly log: Log;
  readonly now?: Date;
}

export interface VaultsRetention {
  readonly database: LeftoversRemoved | null;
  readonly files: RetentionResult | null;
}

/**
 * Everything that removes: whoever writes to the vaults, backups and syncs, may delete nothing there, and leaves to this what
 * has to go. Runs with a role of its own (`scripts/provision/roles.yml`).
 * @throws ConfigurationError `lease-held` while a backup or a sync is at work
 */
export async function applyRetention(options: VaultsRetentionOptions): Promise<VaultsRetention> {
  const { database, files, policy, verify, sign, dryRun, log, now = new Date() } = options;
  const litterGone = async <Done extends { deleted: number; keptBack: number }>(
    vault: Vault,
    done: Done,
  ): Promise<Done> => {
    const { deleted, keptBack } = await removeLitter(vault, dryRun);
    return { ...done, deleted: done.deleted + deleted, keptBack: done.keptBack + keptBack };
  };
  return {
    database:
      database &&
      (await underLease(database, backupLease, dryRun, async (lease) =>
        litterGone(database, await removeLeftovers(database, lease, now)),
      )),
    files:
      files &&
      (await underLease(files, syncLease, dryRun, async (lease) => {
        const { objectLock } = await inspectBucket(files);
        const bucketLocks = objectLock.state === "known" && objectLock.value.enabled;
        const how = { vault: files, policy, bucketLocks, verify, sign, lease, log, now };
        return litterGone(files, await runRetention({ ...how, remove: removeSnapshots }));
      })),
  };
}

async function underLease<Done>(
  vault: Vault,
  name: string,
  dryRun: boolean,
  work: (lease: Lease | null) => Promise<Done>,
): Promise<Done> {
  if (dryRun) return work(null);
  await using lease = await acquireLease(vault, name, { holder: `retention, process ${process.pid}` });
  return await work(lease);
}
