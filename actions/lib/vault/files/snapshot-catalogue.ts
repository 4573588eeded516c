import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import { setIdPattern } from "../format/manifest.ts";
import type { SnapshotManifest } from "../format/snapshot-manifest.ts";
import { hiddenError, type Publication, publicationOf, publications, showAgain } from "../published/publications.ts";
import { describeFirst } from "../published/set-folders.ts";
import type { VerifySignature } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { readSnapshot } from "./snapshot-store.ts";

/** One snapshot of the files. What its manifest says is null when that cannot be trusted; `problem` then says why. */
export interface ListedSnapshot {
  readonly set: string;
  readonly manifest: SnapshotManifest | null;
  readonly signature: "verified" | "refused" | "hidden";
  readonly problem: string | null;
}

/**
 * The snapshots of the vault, newest first: those with a manifest, hidden ones included.
 * @param options.newest how many at most; all unless told
 */
export async function listSnapshots(
  vault: Vault,
  verify: VerifySignature,
  options: { readonly newest?: number | undefined } = {},
): Promise<ListedSnapshot[]> {
  const { newest = Number.POSITIVE_INFINITY } = options;
  return describeFirst(publishedSnapshots(vault), newest, async ({ set, state, marker, signed }) => {
    if (state === "there") return describeSnapshot(vault, set, verify, signed);
    const command = showAgain(vault, { prefix: snapshots, set, marker });
    const problem = `it is hidden by a delete marker that Lifeboat did not write; ${command} shows it again`;
    return { set, manifest: null, signature: "hidden", problem };
  });
}

const snapshots = "snapshots/";

/** Every run that has left something below `snapshots/`, newest first, with what became of its manifest. */
export async function* runFolders(vault: Vault): AsyncGenerator<Publication, void, undefined> {
  yield* publications(vault.transport, [snapshots]);
}

/** Every snapshot with a manifest, newest first, hidden ones included, read as far as it is asked for. */
export async function* publishedSnapshots(vault: Vault): AsyncGenerator<Publication, void, undefined> {
  for await (const run of runFolders(vault)) if (run.state !== "none") yield run;
}

/**
 * Finds a snapshot by its id, or the newest. That it can be trusted is for `readSnapshot` to say.
 * @param wanted `latest` or an id
 * @throws ConfigurationError `set-id`, `snapshot-unknown`, `set-hidden`
 */
export async function resolveSnapshot(vault: Vault, wanted: string): Promise<string> {
  if (wanted !== "latest" && !setIdPattern.test(wanted))
    throw new ConfigurationError(
      "set-id",
      "A snapshot is named `latest` or like 20261122T221500Z-1a2b3c4d",
      "See `lifeboat list --files` for the names.",
    );
  const found = wanted === "latest" ? await newestOf(vault) : await publicationOf(vault.transport, snapshots, wanted);
  if (found?.state === "there") return found.set;
  if (found?.state === "hidden") throw hiddenError(vault, { prefix: snapshots, ...found }, wanted);
  const what = wanted === "latest" ? "There is no snapshot of the files yet" : `There is no snapshot ${wanted}`;
  throw new ConfigurationError("snapshot-unknown", `${what} in bucket ${vault.bucket}`, "See `lifeboat list --files`.");
}

async function newestOf(vault: Vault): Promise<Publication | undefined> {
  for await (const found of publishedSnapshots(vault)) return found;
  return undefined;
}

/**
 * What a snapshot's manifest says; undefined when there is none.
 * @param signed whether there is a signature at all
 */
export async function describeSnapshot(
  vault: Vault,
  run: string,
  verify: VerifySignature,
  signed: boolean,
): Promise<ListedSnapshot | undefined> {
  try {
    const { manifest } = await readSnapshot(vault, run, verify, signed);
    return { set: run, manifest, signature: "verified", problem: null };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    if (error.code === "snapshot-unknown") return undefined;
    if (error.code !== "manifest-untrusted") throw error;
    return { set: run, manifest: null, signature: "refused", problem: error.message };
  }
}

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
