import type { SourceRow } from "../../../storage/rows.ts";
import { type FileEntry, isStored, pathOf, type StoredFile } from "../../../vault/format/snapshot-manifest.ts";

/** What has to be done so that a shard of the list is again what the source has. */
export interface ShardDiff {
  /** New, or other content than the vault has. `before`: the entry that it replaces. */
  readonly copy: readonly { readonly row: SourceRow; readonly before: FileEntry | undefined }[];
  /** The content is in the vault already; something else of the row is new. */
  readonly changed: readonly { readonly row: SourceRow; readonly before: StoredFile }[];
  readonly gone: readonly FileEntry[];
  readonly unchanged: readonly FileEntry[];
}

/**
 * @param before entries of the shard by path, as the last snapshot has them
 * @param sparse packs that are to be left: what lives in them is copied anew
 */
export function diffShard(
  rows: readonly SourceRow[],
  before: ReadonlyMap<string, FileEntry>,
  sparse: ReadonlySet<string> = new Set(),
): ShardDiff {
  const diff = {
    copy: [] as { row: SourceRow; before: FileEntry | undefined }[],
    changed: [] as { row: SourceRow; before: StoredFile }[],
    gone: [] as FileEntry[],
    unchanged: [] as FileEntry[],
  };
  const there = new Set<string>();
  for (const row of rows) {
    const path = pathOf(row);
    there.add(path);
    const known = before.get(path);
    if (known === undefined || !isStored(known) || !sameContent(row, known) || sparse.has(known.object))
      diff.copy.push({ row, before: known });
    else if (sameRow(row, known)) diff.unchanged.push(known);
    else diff.changed.push({ row, before: known });
  }
  for (const [path, entry] of before) if (!there.has(path)) diff.gone.push(entry);
  return diff;
}

/**
 * Whether the vault's content is still the file's. Storage gives each upload a version of its own, so that the same version
 * is the same content. Lists without versions (from the endpoint, or of old servers) must agree in ETag, size and time.
 */
export function sameContent(row: SourceRow, entry: StoredFile): boolean {
  if (row.etag !== entry.etag || row.rowBytes !== entry.rowBytes) return false;
  if (row.version !== null && entry.version !== null) return row.version === entry.version;
  return sameTime(row.lastModified, entry.lastModified);
}

/**
 * Whether a new path is an old file under another name: the same row (`id` stays when Storage moves a file, version and
 * name do not), with the same ETag and size.
 */
export function isRenamed(row: SourceRow, entry: StoredFile): boolean {
  return (
    row.id !== null &&
    row.id === entry.id &&
    row.etag !== null &&
    row.etag === entry.etag &&
    row.rowBytes === entry.rowBytes
  );
}

const compared = [
  ...["id", "version", "etag", "rowBytes", "mimetype", "cacheControl", "ownerId", "owner"],
  ...["createdAt", "updatedAt", "lastModified"],
] as const satisfies readonly string[];

function sameRow(row: SourceRow, entry: FileEntry): boolean {
  const [one, other]: Record<string, unknown>[] = [row, entry];
  if (compared.some((name) => one?.[name] !== other?.[name])) return false;
  return canonical(row.userMetadata) === canonical(entry.userMetadata);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/**
 * The row tells when the store had the file, the endpoint's list when the row was written, in whole seconds or in milliseconds:
 * a moment apart (observed). A file that was replaced within that moment has another ETag or size, or the same content.
 */
function sameTime(one: string | null, other: string | null): boolean {
  if (one === null || other === null) return false;
  return Math.abs(Date.parse(one) - Date.parse(other)) < 2000;
}
