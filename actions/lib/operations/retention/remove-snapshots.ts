import type { NamingSnapshot, StorageRetention } from "../../policy/storage-retention.ts";
import { filesPrefixes, snapshotPrefix } from "../../vault/format/names.ts";
import type { Lease } from "../../vault/lease/lease.ts";
import { manifestName } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { deleteVersions } from "../../vault/s3/delete-versions.ts";
import { type Version, versionPages } from "../../vault/s3/versions.ts";

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
