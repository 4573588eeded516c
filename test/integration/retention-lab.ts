import { silentLog } from "../../actions/lib/base/log.ts";
import type { Policy } from "../../actions/lib/config/policy/policy.ts";
import { runRemovals } from "../../actions/lib/operations/retention/removal-loop.ts";
import { leftoversOf, setRemoval } from "../../actions/lib/operations/retention/remove-sets.ts";
import { retainFiles } from "../../actions/lib/operations/retention/retain-files.ts";
import { openHoldGate } from "../../actions/lib/vault/holds/gate.ts";
import type { Lease } from "../../actions/lib/vault/lease/lease.ts";
import type { VerifySignature } from "../../actions/lib/vault/published/signed-manifest.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { seedFiles } from "../lab/storage/index.ts";
import { openSyncLab, type SyncLab } from "./sync-lab.ts";

/**
 * What retention does with folders without a manifest, alone. @param lease null: looks, and changes nothing
 */
export async function removeLeftovers(vault: Vault, lease: Pick<Lease, "assertHeld"> | null, now = new Date()) {
  const { folders, hidden } = await leftoversOf(vault, lease, now.getTime());
  const gate = async (): Promise<null> => {
    await lease?.assertHeld();
    return null;
  };
  const done = lease && (await runRemovals([], setRemoval(vault, gate, folders, now.getTime())));
  return {
    sets: (done?.finished ?? folders).map(({ set }) => set),
    deleted: done?.deleted ?? 0,
    keptBack: done?.kept ?? 0,
    alarms: hidden,
  };
}

/** A project with a dozen files, and a vault whose tiers are kept for a day and locked by nothing, so that all of it may soon go. */
export async function openShortLab({ bytes }: { readonly bytes: number }): Promise<SyncLab> {
  const tier = { retentionDays: 1, lock: "none" } as const;
  const lab = await openSyncLab({
    policy: (policy) => ({
      ...policy,
      tiers: { daily: tier, weekly: tier, monthly: tier },
      retention: { keepNewest: 1, staleDays: 10_000, staleProofDays: null },
      storage: { smallFileBytes: 30_000, packBytes: 60_000, concurrency: 4 },
    }),
  });
  await seedFiles(lab.project, lab.storage, { count: 12, bytes, seed: 5 });
  return lab;
}

export interface FilesRetentionLab {
  readonly vault: Vault;
  readonly policy: Policy;
  readonly verify: VerifySignature;
  readonly now: Date;
  readonly dryRun?: boolean;
}

/** What retention does with the files' vault, alone and at a time that the test chooses. */
export async function retainFilesAt({ vault, policy, verify, now, dryRun = false }: FilesRetentionLab) {
  return retainFiles(
    {
      ...{ vault, policy, verify, verifyProof: verify, holds: await openHoldGate([vault], verify) },
      ...{ lease: dryRun ? null : { async assertHeld() {} }, incident: async () => {}, stop: null },
      ...{ bucketLocks: true, now: now.getTime(), longer: 0, log: silentLog },
    },
    { sets: new Set(), provenAt: new Map() },
  );
}
