import { snapshotPrefix } from "../format/names.ts";
import { type SnapshotManifest, snapshotManifestSchema } from "../format/snapshot-manifest.ts";
import {
  hiddenProblem,
  type LatestOptions,
  type Publication,
  publicationOf,
  publications,
  resolvePublished,
  showAgain,
} from "../published/publications.ts";
import { describeFirst } from "../published/set-folders.ts";
import {
  believed,
  parseDocument,
  readPublished,
  type Stored,
  type Untrusted,
  type VerifySignature,
} from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";

const prefix = "snapshots/";
const list = "lifeboat list --files";
const maxManifestBytes = 4 * 1024 * 1024;

/** A snapshot as its manifest describes it. */
export type StoredSnapshot = Stored<SnapshotManifest>;

/** One snapshot of the files. What its manifest says is null when that cannot be trusted; `problem` then says why. */
export interface ListedSnapshot {
  readonly set: string;
  readonly manifest: SnapshotManifest | null;
  readonly signature: "verified" | "refused" | "hidden";
  readonly problem: string | null;
}

/** The bytes that are signed and stored. */
export function encodeSnapshotManifest(manifest: SnapshotManifest): Uint8Array {
  return Buffer.from(`${JSON.stringify(snapshotManifestSchema.parse(manifest), null, 1)}\n`);
}

/** Reads and checks a manifest. @throws as `readPublished` */
export function readSnapshot(
  vault: Vault,
  set: string,
  verify: VerifySignature,
  signed?: boolean,
): Promise<StoredSnapshot> {
  const parse = (bytes: Uint8Array, untrusted: Untrusted): SnapshotManifest => {
    const manifest = parseDocument(bytes, snapshotManifestSchema, "lifeboat-files/1", untrusted);
    if (manifest.set === set) return manifest;
    throw untrusted(`it is the manifest of ${manifest.set}, correctly signed but put here by somebody`);
  };
  const place = {
    prefix: snapshotPrefix(set),
    name: `snapshot ${set} of the files`,
    unknown: "snapshot-unknown",
  } as const;
  return readPublished(vault, { ...place, list, maxBytes: maxManifestBytes, parse }, verify, signed);
}

/**
 * The snapshots of the vault, newest first: those with a manifest, hidden ones included.
 * @param options.newest how many at most; default: all
 */
export async function listSnapshots(
  vault: Vault,
  verify: VerifySignature,
  options: { readonly newest?: number | undefined } = {},
): Promise<ListedSnapshot[]> {
  const { newest = Number.POSITIVE_INFINITY } = options;
  return describeFirst(publishedSnapshots(vault), newest, async ({ set, state, marker, signed }) => {
    if (state === "there") return describeSnapshot(vault, set, verify, signed);
    return { set, manifest: null, signature: "hidden", problem: hiddenProblem(vault, { prefix, set, marker }) };
  });
}

/** Every run that has left something below `snapshots/`, newest first, with what became of its manifest. */
export async function* runFolders(vault: Vault): AsyncGenerator<Publication, void, undefined> {
  yield* publications(vault.transport, [prefix]);
}

/** Every snapshot with a manifest, newest first, hidden ones included, read as far as it is asked for. */
export async function* publishedSnapshots(vault: Vault): AsyncGenerator<Publication, void, undefined> {
  for await (const run of runFolders(vault)) if (run.state !== "none") yield run;
}

/** Finds a snapshot by its id, or the newest good one. @throws as `resolvePublished` */
export async function resolveSnapshot(
  vault: Vault,
  wanted: string,
  { verify, passedOver }: LatestOptions = {},
): Promise<string> {
  const where = `bucket ${vault.bucket}`;
  const isMarked =
    verify &&
    (async ({ set, signed }: Publication): Promise<boolean> =>
      (await describeSnapshot(vault, set, verify, signed))?.manifest?.incident !== undefined);
  const kind = { name: "snapshot", where, list, isMarked, passedOver } as const;
  return (await resolvePublished(vault, wanted, [prefix], kind)).set;
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
  const read = await believed(() => readSnapshot(vault, run, verify, signed));
  if (read === undefined) return undefined;
  if ("problem" in read) return { set: run, manifest: null, signature: "refused", problem: read.problem };
  return { set: run, manifest: read.document.manifest, signature: "verified", problem: null };
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
