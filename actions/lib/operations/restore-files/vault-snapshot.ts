import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { oneChunk, wholeOf } from "../../base/flow/chunks.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import type { Bucket } from "../../storage/rows.ts";
import { readFiles, readHead, readLayers } from "../../vault/files/read-files.ts";
import { openObject, readPack } from "../../vault/files/read-object.ts";
import { listSnapshots, readSnapshot, resolveSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import { recipientKeys } from "../../vault/files/snapshot-keys.ts";
import {
  isStored,
  livingObjects,
  type SnapshotManifest,
  type StoredFile,
  type StoredObject,
  sessionKeyCommitments,
} from "../../vault/format/snapshot-manifest.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { FileNamed } from "../erasures/erased-files.ts";
import type { SelectedBucket, SelectedFile } from "./selection.ts";

/** What a database set and the snapshots of the files are matched by. */
export interface SetMoment {
  readonly set: string;
  /** ISO 8601, UTC. */
  readonly snapshotAt: string;
  /** The snapshot that the set's manifest names. */
  readonly files?: { readonly set: string } | undefined;
}

/**
 * The snapshot that goes with a database set: the one that it names, read under the same Postgres snapshot, or that names
 * it; else (retention may have taken that) the newest that was no later; else the oldest one after it.
 *
 * @param snapshots of trusted manifests, newest first
 */
export function snapshotFor(
  { set, snapshotAt, files }: SetMoment,
  snapshots: readonly Pick<SnapshotManifest, "set" | "snapshotAt" | "databaseSet">[],
): { readonly set: string; readonly fit: "same" | "earlier" | "later" } | undefined {
  const same = snapshots.find((one) => one.set === files?.set) ?? snapshots.find((one) => one.databaseSet?.set === set);
  if (same !== undefined) return { set: same.set, fit: "same" };
  const at = Date.parse(snapshotAt);
  const earlier = snapshots.find((one) => Date.parse(one.snapshotAt) <= at);
  if (earlier !== undefined) return { set: earlier.set, fit: "earlier" };
  const oldest = snapshots.at(-1);
  return oldest === undefined ? undefined : { set: oldest.set, fit: "later" };
}

/**
 * A hidden snapshot that would go with the set, or might: what it says of itself nobody can read, so its id's time counts.
 * Pure.
 * @param found what `snapshotFor` chose among those that can be read
 * @param hidden ids
 */
export function hiddenNearer(
  { snapshotAt, files }: SetMoment,
  found: ReturnType<typeof snapshotFor>,
  hidden: readonly string[],
): string | undefined {
  if (found?.fit === "same") return undefined;
  const moment = snapshotAt.replace(/[-:]|\.\d+/g, "");
  return hidden.find(
    (set) =>
      set === files?.set ||
      found === undefined ||
      (found.fit === "earlier" ? set > found.set && set.slice(0, moment.length) <= moment : set < found.set),
  );
}

/**
 * Never an older one in the place of one that somebody hid.
 * @throws ConfigurationError `snapshot-unknown` when the vault has none that can be trusted; `set-hidden`
 */
export async function findSnapshotFor(
  vault: Vault,
  moment: SetMoment,
  verify: VerifySignature,
): Promise<{ readonly set: string; readonly fit: "same" | "earlier" | "later" }> {
  const listed = await listSnapshots(vault, verify);
  // One that was made while an incident was on goes only with its own set.
  const found = snapshotFor(
    moment,
    listed.flatMap(({ set, manifest }) =>
      manifest === null ||
      (manifest.incident !== undefined && set !== moment.files?.set && manifest.databaseSet?.set !== moment.set)
        ? []
        : manifest,
    ),
  );
  const hidden = hiddenNearer(
    moment,
    found,
    listed.flatMap(({ set, signature }) => (signature === "hidden" ? set : [])),
  );
  if (hidden !== undefined) await resolveSnapshot(vault, hidden);
  if (found !== undefined) return found;
  throw new ConfigurationError(
    "snapshot-unknown",
    `There is no snapshot of the files in bucket ${vault.bucket} that could go with set ${moment.set}.`,
    "Make one with `lifeboat sync`, or restore without --with-files.",
  );
}

/** A file of a snapshot, and where its bytes are. */
export interface SnapshotFile extends SelectedFile {
  /** The vault object that holds it, alone or with others. */
  readonly object: string;
}

/** The bytes of one file, on their way out of the vault. */
export interface OpenedFile<File extends SnapshotFile = SnapshotFile> {
  readonly file: File;
  /** To be read before the next file is asked for; what is left unread by then is passed over. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** An open snapshot, as a restore of files sees it. */
export interface SnapshotFiles {
  /** Its id. */
  readonly id: string;
  /** When the list was read at the source: ISO 8601, UTC. */
  readonly takenAt: string;
  readonly projectRef: string | null;
  readonly buckets: readonly SelectedBucket[];
  /** Files that the source had lost already, by bucket: their rows are known, and no bytes. */
  readonly lost: readonly { readonly bucket: string; readonly lost: number }[];
  /** All files whose bytes the snapshot has, in its order. */
  files(): AsyncIterable<SnapshotFile>;
  /** Those that the source had lost already. */
  lostFiles(): AsyncIterable<{ readonly bucket: string; readonly name: string }>;
  /**
   * Opens one vault object, once, and gives the files that are asked for in its order. Stored parts are checked against
   * what was signed before they are opened.
   *
   * @param files all of the same object
   * @throws OperationError when the object is missing or damaged, or one of the files is not in it
   */
  open<File extends SnapshotFile>(
    files: readonly File[],
    signal?: AbortSignal,
  ): AsyncGenerator<OpenedFile<File>, void, undefined>;
}

/** Files by the object that holds them, objects in the order in which they first come. */
export function byObject<File extends SnapshotFile>(files: readonly File[]): File[][] {
  const objects = new Map<string, File[]>();
  for (const file of files) {
    const together = objects.get(file.object);
    if (together === undefined) objects.set(file.object, [file]);
    else together.push(file);
  }
  return [...objects.values()];
}

interface VaultFile extends SnapshotFile {
  /** Name inside the pack; null for a large file. */
  readonly entry: string | null;
}

/**
 * Opens a snapshot of the vault for reading: signed manifest, layers and lists compared with what it tells.
 *
 * @param set its id
 * @param without tells files that were erased: for whoever reads the snapshot they are not in it
 * @throws ConfigurationError `manifest-untrusted`, `snapshot-unknown`, `wrong-private-key`; OperationError `snapshot-damaged`
 */
export async function openVaultSnapshot(
  vault: Vault,
  set: string,
  { trustedSigners, privateKey }: { readonly trustedSigners: readonly Signer[]; readonly privateKey: UnlockedKey },
  without: (file: FileNamed) => boolean = () => false,
): Promise<SnapshotFiles> {
  const { manifest } = await readSnapshot(vault, set, (bytes, armored) =>
    verifyDetached(bytes, armored, trustedSigners),
  );
  const layers = await readLayers(vault, manifest.layers);
  const keys = recipientKeys(vault, privateKey, trustedSigners);
  const head = await readHead(vault, manifest, keys);
  const objects = new Map<string, StoredObject>(livingObjects(layers).map((object) => [object.key, object]));
  const commitments = sessionKeyCommitments(layers);
  const open = (key: string, signal?: AbortSignal): AsyncIterable<Uint8Array> => {
    const object = objects.get(key);
    if (object === undefined) throw new OperationError("snapshot-damaged", `No layer of the snapshot tells of ${key}.`);
    return openObject(vault, object, keys, commitments, signal === undefined ? {} : { signal });
  };
  return {
    id: set,
    takenAt: manifest.snapshotAt,
    projectRef: manifest.source.projectRef,
    buckets: head.buckets.map(selectedBucket),
    lost: head.inBuckets.map(({ bucket, lost }) => ({ bucket, lost })),
    async *files() {
      for await (const entry of readFiles(vault, layers, keys))
        if (isStored(entry) && !without(entry)) yield selectedFile(entry);
    },
    async *lostFiles() {
      for await (const entry of readFiles(vault, layers, keys))
        if (entry.state === "lost" && !without(entry)) yield entry;
    },
    open: (files, signal) => openFiles(files, (key) => open(key, signal)),
  };
}

/** Several files may be the same content under different names: it is stored once. */
async function* openFiles<File extends SnapshotFile>(
  files: readonly File[],
  open: (key: string) => AsyncIterable<Uint8Array>,
): AsyncGenerator<OpenedFile<File>, void, undefined> {
  const [first] = files;
  if (first === undefined) return;
  const wanted = Map.groupBy(files, entryOf);
  for (const file of wanted.get(null) ?? []) yield { file, content: open(file.object) };
  wanted.delete(null);
  if (wanted.size === 0) return;
  for await (const { name, content } of readPack(open(first.object))) {
    const [only, ...others] = wanted.get(name) ?? [];
    if (only === undefined) continue;
    if (others.length === 0) yield { file: only, content };
    else {
      const whole = await gather(content);
      for (const file of [only, ...others]) yield { file, content: whole };
    }
    wanted.delete(name);
    if (wanted.size === 0) return;
  }
  throw new OperationError("pack-damaged", `${wanted.size} files are not in the pack where the list says they are.`);
}

function entryOf(file: SnapshotFile): string | null {
  return "entry" in file && typeof file.entry === "string" ? file.entry : null;
}

/** What is in packs is small. */
async function gather(
  content: AsyncIterable<Uint8Array>,
): Promise<{ [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> }> {
  const bytes = await wholeOf(content);
  return { [Symbol.asyncIterator]: () => oneChunk(bytes) };
}

function selectedFile(entry: StoredFile): VaultFile {
  const { bucket, name, object, bytes, sha256, ownerId, owner, createdAt, updatedAt, userMetadata } = entry;
  return {
    ...{ bucket, name, object, entry: entry.entry, bytes, sha256, ownerId, owner, createdAt, updatedAt },
    id: entry.id ?? `${object}#${entry.entry ?? ""}`,
    fromRow: entry.id !== null,
    eTag: entry.etag,
    // What Supabase's storage server takes where it is told nothing.
    contentType: entry.mimetype ?? "application/octet-stream",
    cacheControl: entry.cacheControl ?? "no-cache",
    userMetadata: userMetadata === null ? null : JSON.stringify(userMetadata),
  };
}

function selectedBucket(bucket: Bucket): SelectedBucket {
  const { id, fileSizeLimit, allowedMimeTypes, owner, ownerId, createdAt, updatedAt, avifAutodetection } = bucket;
  return {
    ...{ id, fileSizeLimit, allowedMimeTypes, owner, ownerId, createdAt, updatedAt, avifAutodetection },
    public: bucket.public ?? false,
  };
}
