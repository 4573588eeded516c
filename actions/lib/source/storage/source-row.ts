import type { FileEntry } from "../../vault/snapshot/file-entry.ts";

/** A file as the project's list has it, whether from `storage.objects` or from the endpoint. */
export type SourceRow = Pick<
  FileEntry,
  | "bucket"
  | "name"
  | "id"
  | "version"
  | "etag"
  | "rowBytes"
  | "mimetype"
  | "cacheControl"
  | "ownerId"
  | "owner"
  | "createdAt"
  | "updatedAt"
  | "lastModified"
  | "userMetadata"
>;

/** The facts of the row without anything of the vault. */
export function rowOf(entry: FileEntry): SourceRow {
  const { object: _object, entry: _entry, state: _state, bytes: _bytes, sha256: _sha256, ...row } = entry;
  return row;
}

/** ETags come with quotes, also inside the row's metadata. */
export function bareEtag(etag: string | null | undefined): string | null {
  const bare = etag?.replace(/^W\//, "").replaceAll('"', "");
  return bare === undefined || bare === "" ? null : bare;
}

/** An ETag that is the MD5 of the whole content; those of multipart uploads (`…-12`) are not. */
export function md5OfEtag(etag: string | null): string | undefined {
  return etag !== null && /^[0-9a-f]{32}$/.test(etag) ? etag : undefined;
}
