import { StorageError } from "./answer.ts";
import type { BucketRow } from "./rows.ts";

/** supabase/storage src/storage/limits.ts: the characters that a key may have. */
const allowed = /^[A-Za-z0-9_/!.*'() &$=@;:+,?-]+$/;

/** Segments `.` and `..` are refused where files are files (observed). */
const climbs = /(^|\/)\.{1,2}(\/|$)/;

export function checkKey(name: string): void {
  if (!allowed.test(name) || climbs.test(name)) throw new StorageError(400, "InvalidKey", `Invalid key: ${name}`);
}

/** Placeholders of empty folders are let through whatever the bucket allows, as long as they are empty. */
const isPlaceholder = (name: string): boolean => name.endsWith(".emptyFolderPlaceholder");

export function checkMimeType(type: string, { allowed_mime_types: types }: BucketRow, name: string): void {
  if (types === null || types.length === 0 || isPlaceholder(name)) return;
  const [kind, rest] = type.split("/");
  const fits = types.some((one) => {
    const [wantedKind, wanted] = one.split("/");
    return wantedKind === kind && (wanted === "*" || wanted === rest);
  });
  if (!fits) throw new StorageError(415, "InvalidMimeType", `mime type ${type} is not supported`);
}

export function checkSize(bytes: number, { file_size_limit: limit }: BucketRow, name: string): void {
  const most = isPlaceholder(name) ? 0 : limit === null ? Number.POSITIVE_INFINITY : Number(limit);
  if (bytes > most) throw new StorageError(413, "EntityTooLarge", "The object exceeded the maximum allowed size");
}
