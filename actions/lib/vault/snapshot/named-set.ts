import type { Vault } from "../client.ts";
import { setPrefix } from "../manifest.ts";
import { manifestName } from "../signed-manifest.ts";
import type { SnapshotManifest } from "./snapshot-manifest.ts";

/**
 * What is to be said of a snapshot of the files that names a database set that is not there: files are published before the
 * set that they belong to, so that a backup may fail in between. Undefined when the set is there, or none is named.
 * @param sets the vault of the database sets
 */
export async function missingSet(
  sets: Vault,
  { databaseSet }: Pick<SnapshotManifest, "databaseSet">,
): Promise<string | undefined> {
  if (databaseSet === null) return undefined;
  const { tier, set } = databaseSet;
  if ((await sets.head(setPrefix(tier, set) + manifestName)) !== undefined) return undefined;
  return `it was read together with database set ${set} (${tier}), which is not in bucket ${sets.bucket}: that backup failed after the files were copied, or retention has taken the set. The files are of use without it`;
}
