import { LifeboatError } from "../runtime/errors.ts";
import type { Log } from "../runtime/log.ts";
import type { Vault } from "../vault/client.ts";
import type { VerifySignature } from "../vault/signed-manifest.ts";
import { runFolders } from "../vault/snapshot/snapshot-catalogue.ts";
import { readSnapshot, type StoredSnapshot } from "../vault/snapshot/snapshot-store.ts";

export interface VaultState {
  /** The newest snapshot that can be trusted. */
  readonly newest: StoredSnapshot | undefined;
  /** Runs after it that never published: being made by others, or killed. Oldest first. */
  readonly unfinished: readonly string[];
}

/**
 * Looks for what a run begins with. Runs before the newest snapshot need no look: whatever they left, the run after them has
 * taken over or cleaned away.
 */
export async function readVaultState(
  vault: Vault,
  verify: VerifySignature,
  log: Log,
  warnings: string[],
): Promise<VaultState> {
  const unfinished: string[] = [];
  for (const run of await runFolders(vault)) {
    try {
      return { newest: await readSnapshot(vault, run, verify), unfinished: unfinished.reverse() };
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      if (error.code === "snapshot-unknown") unfinished.push(run);
      else if (error.code === "manifest-untrusted") {
        // It must be able neither to stop a sync nor to make one believe that nothing changed.
        warnings.push(`Snapshot ${run} is not compared with: ${error.message}`);
        log.warn(`Snapshot ${run} is not compared with: ${error.message}`);
      } else throw error;
    }
  }
  return { newest: undefined, unfinished: unfinished.reverse() };
}
