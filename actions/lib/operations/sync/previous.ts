import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { runFolders } from "../../vault/files/snapshot-catalogue.ts";
import { readSnapshot, type StoredSnapshot } from "../../vault/files/snapshot-store.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";

export interface VaultState {
  /** The newest snapshot that can be trusted. */
  readonly newest: StoredSnapshot | undefined;
  /** Runs after it that never published: being made by others, or killed. Oldest first. */
  readonly unfinished: readonly string[];
  /** What somebody else did to the manifests of snapshots. */
  readonly alarms: readonly string[];
}

/** More than the jobs of a few divided copies leave: others are somebody's doing, and are not worth a look each. */
const mostUnfinished = 100;

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
  const [hidden, replaced]: [string[], string[]] = [[], []];
  let newest: StoredSnapshot | undefined;
  for await (const { set: run, state, replaced: again, signed } of runFolders(vault)) {
    if (state === "hidden") hidden.push(run);
    if (again) replaced.push(run);
    if (newest !== undefined || state === "hidden") continue;
    if (state === "none") {
      unfinished.push(run);
      continue;
    }
    try {
      newest = await readSnapshot(vault, run, verify, signed);
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      if (error.code === "manifest-untrusted") {
        // It must be able neither to stop a sync nor to make one believe that nothing changed.
        warnings.push(`Snapshot ${run} is not compared with: ${error.message}`);
        log.warn(`Snapshot ${run} is not compared with: ${error.message}`);
      } else throw error;
    }
  }
  const alarms = [
    ...alarmOf(hidden, "hidden by delete markers", "snapshot"),
    ...alarmOf(replaced, "their manifests written again", "snapshot"),
  ];
  for (const alarm of alarms) log.warn(alarm);
  return { newest, unfinished: unfinished.slice(0, mostUnfinished).reverse(), alarms };
}
