import type { SnapshotManifest } from "../format/snapshot-manifest.ts";
import { showAgain } from "../published/meddled.ts";
import { publicationOf } from "../published/publications.ts";
import type { Vault } from "../s3/client.ts";

/**
 * What is to be said of a snapshot of the files that names a database set that is hidden, or not there: files are published
 * before the set that they belong to, so that a backup may fail in between. Undefined when the set is there, or none is named.
 * @param sets the vault of the database sets
 */
export async function missingSet(
  sets: Vault,
  { databaseSet }: Pick<SnapshotManifest, "databaseSet">,
): Promise<string | undefined> {
  if (databaseSet === null) return undefined;
  const { tier, set } = databaseSet;
  const prefix = `database/${tier}/`;
  const found = await publicationOf(sets.transport, prefix, set);
  if (found.state === "there") return undefined;
  const together = `it was read together with database set ${set} (${tier}), which is`;
  if (found.state === "hidden") {
    const show = showAgain(sets, { prefix, ...found });
    return `${together} hidden in bucket ${sets.bucket}: somebody who may write there has put a delete marker over its manifest. Find out who (runbooks/vault-meddled.md); ${show} shows it again`;
  }
  return `${together} not in bucket ${sets.bucket}: that backup failed after the files were copied, or retention has taken the set. The files are of use without it`;
}
