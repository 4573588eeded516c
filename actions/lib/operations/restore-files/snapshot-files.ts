import type { WantedBucket, WantedFile } from "./selection.ts";

/** A file of a snapshot, and where its bytes are. */
export interface SnapshotFile extends WantedFile {
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
  readonly buckets: readonly WantedBucket[];
  /** Files that the source had lost already, by bucket: their rows are known, and no bytes. */
  readonly lost: readonly { readonly bucket: string; readonly lost: number }[];
  /** All files whose bytes the snapshot has, in its order. */
  files(): AsyncIterable<SnapshotFile>;
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
