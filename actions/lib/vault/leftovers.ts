import { mapBounded } from "./bounded.ts";
import type { Vault } from "./client.ts";
import type { Lease } from "./lease.ts";
import { setIdPattern } from "./manifest.ts";
import { manifestName } from "./signed-manifest.ts";
import { abortUploads, unfinishedUploads } from "./unfinished-uploads.ts";
import { deleteVersions, versionPages, versionsBelow } from "./versions.ts";

export interface LeftoversReport {
  /** Ids of sets of which something was removed. */
  readonly sets: readonly string[];
  /** Object versions and delete markers removed. */
  readonly removed: number;
  readonly uploadsAborted: number;
  /** What the store refused to delete: a lock keeps it, or the permission is missing. Not a failure. */
  readonly kept: readonly { readonly key: string; readonly code: string }[];
  /** Sets whose manifest was deleted or hidden by somebody: not leftovers, never touched, and worth an alarm. */
  readonly hidden: readonly string[];
}

/**
 * Removes what killed runs have left below `prefix` (`database/<tier>/`): all versions of sets that never had a manifest, and
 * unfinished multipart uploads. Only under a lease that keeps every writer of that prefix out.
 * @throws OperationError `lease-lost` as soon as the lease is somebody else's
 */
export async function removeLeftovers(
  vault: Vault,
  prefix: string,
  lease: Pick<Lease, "assertHeld">,
): Promise<LeftoversReport> {
  await lease.assertHeld();
  const uploads = await unfinishedUploads(vault.transport, prefix);
  await abortUploads(vault.transport, uploads);
  const report = {
    sets: [] as string[],
    removed: 0,
    kept: [] as { key: string; code: string }[],
    hidden: [] as string[],
  };

  const folders = await allSetFolders(vault, prefix);
  const whole = await mapBounded(
    folders,
    24,
    async (folder) => (await vault.head(folder + manifestName)) !== undefined,
  );
  for (const folder of folders.filter((_, index) => !whole[index])) {
    const set = folder.slice(prefix.length, -1);
    const versions = await versionsBelow(vault.transport, folder);
    // A manifest under a delete marker: this set was once whole. Removing it would finish an attacker's work.
    if (versions.some(({ key, marker }) => key === folder + manifestName && !marker)) {
      report.hidden.push(set);
      continue;
    }
    await lease.assertHeld();
    const { deleted, kept } = await deleteVersions(vault.transport, versions);
    if (deleted > 0) report.sets.push(set);
    report.removed += deleted;
    report.kept.push(...kept.map(({ key, code }) => ({ key, code })));
  }
  return { ...report, uploadsAborted: uploads.length };
}

/** Folders named like sets, also those in which everything is hidden by delete markers. */
async function allSetFolders(vault: Vault, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { folders } of versionPages(vault.transport, prefix, "/"))
    found.push(...folders.filter((folder) => setIdPattern.test(folder.slice(prefix.length, -1))));
  return found;
}
