import { silentLog } from "../../actions/lib/base/log.ts";
import type { Policy } from "../../actions/lib/config/policy/policy.ts";
import { runRemovals } from "../../actions/lib/operations/retention/removal-loop.ts";
import { leftoversOf, setRemoval } from "../../actions/lib/operations/retention/remove-sets.ts";
import { retainFiles } from "../../actions/lib/operations/retention/retain-files.ts";
import { openHoldGate } from "../../actions/lib/vault/holds/gate.ts";
import type { Lease } from "../../actions/lib/vault/lease/lease.ts";
import type { VerifySignature } from "../../actions/lib/vault/published/signed-manifest.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";

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
