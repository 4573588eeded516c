import type { Lease } from "../lease/lease.ts";
import type { Vault } from "../s3/client.ts";
import { abortUploads, unfinishedUploads } from "../s3/segment-writer.ts";
import { hidesAny, type Version, versionPages } from "../s3/versions.ts";
import { type Publication, publications } from "./publications.ts";

/** A folder that never had a manifest, and what lies in it. */
export interface Leftover {
  readonly set: string;
  readonly versions: readonly Version[];
}

interface Leftovers {
  readonly folders: readonly Leftover[];
  readonly unfinishedUploads: number;
  /** Sets whose manifest or other objects were hidden by somebody: not leftovers, never touched, and worth an alarm. */
  readonly hidden: readonly string[];
  /** Sets whose manifest was written again by somebody. */
  readonly replaced: readonly string[];
  /** Folders without a manifest that were not looked into. */
  readonly waiting: number;
}

/** A run that dies leaves one. More at once are somebody's doing, and must not hold up a backup. */
const mostInspected = { sets: 20, versions: 5000 };

/**
 * Ends the multipart uploads that killed runs have left below `prefix` (`database/<tier>/`), and tells what else they have
 * left: sets that never had a manifest. Deletes nothing.
 * @param lease keeps every writer of that prefix out; null: uploads are only counted
 * @param options.folders what is below the prefix, when somebody has looked under this lease
 * @param options.most how many folders are looked into, and how many versions are listed of each
 * @throws OperationError `lease-lost` when the lease is somebody else's
 */
export async function findLeftovers(
  vault: Vault,
  prefix: string,
  lease: Pick<Lease, "assertHeld"> | null,
  { folders, most = mostInspected }: { folders?: readonly Publication[]; most?: typeof mostInspected } = {},
): Promise<Leftovers> {
  await lease?.assertHeld();
  const uploads = await unfinishedUploads(vault.transport, prefix);
  if (lease !== null) await abortUploads(vault.transport, uploads);
  const found = folders ?? (await Array.fromAsync(publications(vault.transport, [prefix])));
  const of = (state: Publication["state"]): string[] =>
    found.filter((one) => one.state === state).map(({ set }) => set);
  const unpublished = of("none");
  const hidden = of("hidden");
  const left: Leftover[] = [];
  for (const set of unpublished.slice(0, most.sets)) {
    const versions = await someVersions(vault, `${prefix}${set}/`, most.versions);
    // We leave no markers: this was a set, or a part of one, that somebody hides. Removing it would finish their work.
    if (hidesAny(versions)) hidden.push(set);
    else left.push({ set, versions });
  }
  return {
    ...{ folders: left, unfinishedUploads: uploads.length, hidden },
    replaced: found.filter(({ replaced }) => replaced).map(({ set }) => set),
    waiting: Math.max(0, unpublished.length - most.sets),
  };
}

async function someVersions(vault: Vault, prefix: string, most: number): Promise<Version[]> {
  const some: Version[] = [];
  for await (const { versions } of versionPages(vault.transport, prefix)) {
    some.push(...versions);
    if (some.length >= most) break;
  }
  return some;
}
