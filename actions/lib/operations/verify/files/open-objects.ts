import { createHash } from "node:crypto";
import { OperationError } from "../../../base/errors.ts";
import { openObject, readPack } from "../../../vault/files/read-object.ts";
import type { SnapshotKeys } from "../../../vault/files/snapshot-keys.ts";
import { type FileEntry, isStored } from "../../../vault/format/file-entry.ts";
import type { StoredObject } from "../../../vault/format/snapshot-manifest.ts";
import type { Vault } from "../../../vault/s3/client.ts";

/** What the list says of one object's contents: entry (empty for a large file) to size and SHA-256. */
export type Contents = ReadonlyMap<string, { readonly bytes: number; readonly sha256: string }>;

/**
 * What the list says of some objects, and of nothing else: memory for those only.
 * @throws OperationError `snapshot-damaged` when two entries contradict each other
 */
export async function contentsOf(
  objects: ReadonlySet<string>,
  files: AsyncIterable<FileEntry>,
): Promise<Map<string, Contents>> {
  const found = new Map<string, Map<string, { bytes: number; sha256: string }>>();
  for await (const file of files) {
    if (!isStored(file) || !objects.has(file.object)) continue;
    const contents = found.get(file.object) ?? new Map<string, { bytes: number; sha256: string }>();
    const entry = file.entry ?? "";
    const known = contents.get(entry);
    if (known !== undefined && known.sha256 !== file.sha256) {
      throw new OperationError(
        "snapshot-damaged",
        `The list gives two SHA-256 for content ${entry} of ${file.object}.`,
      );
    }
    found.set(file.object, contents.set(entry, { bytes: file.bytes, sha256: file.sha256 }));
  }
  return found;
}

/**
 * Opens one object and compares every content that the list names with its size and SHA-256.
 * @returns contents that were compared
 * @throws OperationError `content-differs`, `content-missing`; what `openObject` and `readPack` throw
 */
export async function compareObject(
  vault: Vault,
  object: StoredObject,
  wanted: Contents,
  keys: SnapshotKeys,
  commitments: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<number> {
  const left = new Map(wanted);
  const compare = async (entry: string, content: AsyncIterable<Uint8Array>): Promise<void> => {
    const named = left.get(entry);
    if (named === undefined) return;
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of content) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    if (bytes !== named.bytes || hash.digest("hex") !== named.sha256) {
      throw new OperationError("content-differs", `${contentName(entry)} is not what the list says of it`);
    }
    left.delete(entry);
  };
  const plain = openObject(vault, object, keys, commitments, { signal, ahead: 1 });
  if (wanted.has("")) await compare("", plain);
  else for await (const { name, content } of readPack(plain)) await compare(name, content);
  const [missing] = left.keys();
  if (missing === undefined) return wanted.size;
  throw new OperationError(
    "content-missing",
    `${contentName(missing)} is not in it (of ${left.size} that are missing)`,
  );
}

const contentName = (entry: string): string => (entry === "" ? "Its content" : `Its content ${entry}`);
