import type { Lease } from "../lease/lease.ts";
import type { Vault } from "../s3/client.ts";
import { abortUploads, unfinishedUploads } from "../s3/segment-writer.ts";
import { deleteVersions, hidesAny, type Version, versionPages } from "../s3/versions.ts";
import { type Publication, publications } from "./publications.ts";

export interface LeftoversReport {
  /** Ids of sets of which something was removed. */
  readonly sets: readonly string[];
  /** Object versions removed. */
  readonly removed: number;
  readonly uploadsAborted: number;
  /** What the store refused to delete: a lock keeps it, or the permission is missing. Not a failure. */
  readonly kept: readonly { readonly key: string; readonly code: string }[];
  /** Sets whose manifest or other objects were hidden by somebody: not leftovers, never touched, and worth an alarm. */
  readonly hidden: readonly string[];
  /** Sets whose manifest was written again by somebody. */
  readonly replaced: readonly string[];
  /** Folders without a manifest that wait for a later run. */
  readonly waiting: number;
}

/** A run that dies leaves one. More at once are somebody's doing, and must not hold up a backup: they go bit by bit. */
const mostAtOnce = { sets: 20, versions: 5000 } as const;

/**
 * Removes what killed runs have left below `prefix` (`database/<tier>/`): all versions of sets that never had a manifest, and
 * unfinished multipart uploads. Only under a lease that keeps every writer of that prefix out.
 * @param folders what is below the prefix, when somebody has looked under this lease
 * @throws OperationError `lease-lost` as soon as the lease is somebody else's
 */
export async function removeLeftovers(
  vault: Vault,
  prefix: string,
  lease: Pick<Lease, "assertHeld">,
  folders?: readonly Publication[],
): Promise<LeftoversReport> {
  await lease.assertHeld();
  const uploads = await unfinishedUploads(vault.transport, prefix);
  await abortUploads(vault.transport, uploads);
  const found = folders ?? (await Array.fromAsync(publications(vault.transport, [prefix])));
  const of = (state: Publication["state"]): string[] =>
    found.filter((one) => one.state === state).map(({ set }) => set);
  const report = {
    sets: [] as string[],
    removed: 0,
    kept: [] as { key: string; code: string }[],
    hidden: of("hidden"),
    replaced: found.filter(({ replaced }) => replaced).map(({ set }) => set),
  };
  const leftovers = of("none");
  for (const set of leftovers.slice(0, mostAtOnce.sets)) {
    const versions = await someVersions(vault, `${prefix}${set}/`);
    // We leave no markers: this was a set, or a part of one, that somebody hides. Removing it would finish their work.
    if (hidesAny(versions)) {
      report.hidden.push(set);
      continue;
    }
    await lease.assertHeld();
    const { deleted, kept } = await deleteVersions(vault.transport, versions);
    if (deleted > 0) report.sets.push(set);
    report.removed += deleted;
    report.kept.push(...kept.map(({ key, code }) => ({ key, code })));
  }
  return { ...report, uploadsAborted: uploads.length, waiting: Math.max(0, leftovers.length - mostAtOnce.sets) };
}

async function someVersions(vault: Vault, prefix: string): Promise<Version[]> {
  const some: Version[] = [];
  for await (const { versions } of versionPages(vault.transport, prefix)) {
    some.push(...versions);
    if (some.length >= mostAtOnce.versions) break;
  }
  return some;
}
