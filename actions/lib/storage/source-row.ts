import { z } from "zod";

const bytes = z.number().int().nonnegative();
/** As PostgreSQL writes it with the session's pins: `2026-11-22 22:15:00.123456+00`. */
const time = z.string();

/** A file as the project's list has it, whether from `storage.objects` or from the endpoint. */
export const sourceRowSchema = z.strictObject({
  bucket: z.string(),
  /** The path within the bucket, exactly as the row has it. */
  name: z.string(),
  /** `storage.objects.id`; null when the list came from the endpoint alone. */
  id: z.string().nullable().default(null),
  version: z.string().nullable().default(null),
  /** As the row or the endpoint gives it, without quotes: MD5 in hex, or `<hex>-<parts>`. */
  etag: z.string().nullable().default(null),
  /** Size that the row tells; differs from `bytes` only where a finding says so. */
  rowBytes: bytes.nullable().default(null),
  mimetype: z.string().nullable().default(null),
  cacheControl: z.string().nullable().default(null),
  ownerId: z.string().nullable().default(null),
  /** The deprecated `owner` column, where it is set. */
  owner: z.string().nullable().default(null),
  createdAt: time.nullable().default(null),
  updatedAt: time.nullable().default(null),
  lastModified: z.string().nullable().default(null),
  userMetadata: z.record(z.string(), z.unknown()).nullable().default(null),
});
export type SourceRow = z.output<typeof sourceRowSchema>;

/** ETags come with quotes, also inside the row's metadata. */
export function bareEtag(etag: string | null | undefined): string | null {
  const bare = etag?.replace(/^W\//, "").replaceAll('"', "");
  return bare === undefined || bare === "" ? null : bare;
}

/** An ETag that is the MD5 of the whole content; those of multipart uploads (`…-12`) are not. */
export function md5OfEtag(etag: string | null): string | undefined {
  return etag !== null && /^[0-9a-f]{32}$/.test(etag) ? etag : undefined;
}
