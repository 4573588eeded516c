import type { NamingSnapshot, StorageRetention } from "../../policy/storage-retention.ts";
import { tierSchema } from "../../vault/format/manifest.ts";
import { filesPrefixes, snapshotPrefix } from "../../vault/format/names.ts";
import type { Lease } from "../../vault/lease/lease.ts";
import { findLeftovers, type Leftover } from "../../vault/published/leftovers.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import { manifestName } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { deleteVersions } from "../../vault/s3/delete-versions.ts";
import { type Version, versionPages } from "../../vault/s3/versions.ts";

export interface Removed {
  /** Object versions that went, or would go. */
  readonly deleted: number;
  /** What the store refused to delete: a lock keeps it for now, or the role may not. */
  readonly keptBack: number;
}

export interface LeftoversRemoved extends Removed {
  /** Ids of the database sets that never had a manifest and went. */
  readonly sets: readonly string[];
  /** What somebody else did to sets, in words for people. */
  readonly alarms: readonly string[];
}

const hour = 3_600_000;
/**
 * A run that lost its lease may publish for as long as a request lasts: what it names must still be there then. Nothing
 * younger than this goes.
 */
const leftoverHours = 24;
/** Nobody waits for it. */
const most = { sets: 1000, versions: 100_000 };

/**
 * Removes what killed backups have left in the database's vault: all versions of sets that never had a manifest. Backups
 * leave it, for their role may delete nothing.
 * @param lease keeps every backup out; null: looks, and changes nothing
 * @throws OperationError `lease-lost` as soon as the lease is somebody else's
 */
export async function removeLeftovers(
  vault: Vault,
  lease: Pick<Lease, "assertHeld"> | null,
  now = new Date(),
): Promise<LeftoversRemoved> {
  const sets: string[] = [];
  const alarms: string[] = [];
  let all = nothing;
  for (const tier of tierSchema.options) {
    const found = await findLeftovers(vault, `database/${tier}/`, lease, { most });
    alarms.push(
      ...alarmOf(found.hidden, "hidden by delete markers", `${tier} set`),
      ...alarmOf(found.replaced, "their manifests written again", `${tier} set`),
    );
    for (const leftover of found.folders) {
      if (now.getTime() - newestTime(leftover) < leftoverHours * hour) continue;
      await lease?.assertHeld();
      const removed = await remove(lease && vault, leftover.versions);
      if (removed.deleted > 0) sets.push(leftover.set);
      all = sum(all, removed);
    }
  }
  return { ...all, sets, alarms };
}

/** Small objects that are written again and again. */
const litter = ["leases/", "probe/"] as const;

/**
 * Removes what leases and probes leave in a vault: each version that has a later one. Markers, and what lies under one, stay:
 * we write none, and a hidden lease still counts.
 * @param dryRun looks, and changes nothing
 */
export async function removeLitter(vault: Vault, dryRun: boolean): Promise<Removed> {
  let all = nothing;
  for (const prefix of litter) {
    const newest = new Set<string>();
    for await (const { versions } of versionPages(vault.transport, prefix)) {
      const superseded = versions.filter(({ key, marker }) => {
        if (marker) return false;
        const later = newest.has(key);
        newest.add(key);
        return later;
      });
      all = sum(all, await remove(dryRun ? null : vault, superseded));
    }
  }
  return all;
}

const nothing: Removed = { deleted: 0, keptBack: 0 };

function sum(a: Removed, b: Removed): Removed {
  return { deleted: a.deleted + b.deleted, keptBack: a.keptBack + b.keptBack };
}

/** @param vault null: only counts */
async function remove(vault: Vault | null, versions: readonly Version[]): Promise<Removed> {
  if (vault === null) return { deleted: versions.length, keptBack: 0 };
  const { deleted, kept } = await deleteVersions(vault.transport, versions);
  return { deleted, keptBack: kept.length };
}

function newestTime({ versions }: Leftover): number {
  return Math.max(...versions.map(({ lastModified }) => lastModified?.getTime() ?? Number.POSITIVE_INFINITY));
}

/** A manifest goes before what it names: a snapshot is whole, or it is none. */
export async function removeSnapshots(
  vault: Vault,
  { go, unnamed }: StorageRetention,
  snapshots: readonly NamingSnapshot[],
  lease: Pick<Lease, "assertHeld">,
): Promise<{ deleted: number; keptBack: number }> {
  if (unnamed.length === 0) return { deleted: 0, keptBack: 0 };
  await lease.assertHeld();
  const manifests = new Set(go.map((set) => snapshotPrefix(set) + manifestName));
  const versions = await versionsOf(vault, new Set(unnamed.map(({ key }) => key)));
  const first = await deleteVersions(
    vault.transport,
    versions.filter(({ key }) => manifests.has(key)),
  );
  // A snapshot whose manifest is still locked stays whole, with everything that it names.
  const locked = new Set(first.kept.map(({ key }) => key));
  const whole = snapshots.filter(({ set }) => locked.has(snapshotPrefix(set) + manifestName));
  const free = versions.filter(({ key }) => !manifests.has(key) && !whole.some(({ names }) => names.has(key)));
  await lease.assertHeld();
  const rest = await deleteVersions(vault.transport, free);
  return { deleted: first.deleted + rest.deleted, keptBack: first.kept.length + rest.kept.length };
}

/** All versions of these objects: a current one that is deleted alone would bring an older one back. */
async function versionsOf(vault: Vault, keys: ReadonlySet<string>): Promise<Version[]> {
  const found: Version[] = [];
  for (const prefix of filesPrefixes) {
    for await (const { versions } of versionPages(vault.transport, prefix)) {
      found.push(...versions.filter(({ key }) => keys.has(key)));
    }
  }
  return found;
}
