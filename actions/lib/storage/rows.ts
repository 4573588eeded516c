import { z } from "zod";

/** A row of `storage.buckets`. */
export const bucketSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  public: z.boolean().nullable(),
  /** Bytes; null: no limit of its own. */
  fileSizeLimit: z.string().regex(/^\d+$/).nullable(),
  allowedMimeTypes: z.array(z.string()).nullable(),
  owner: z.string().nullable(),
  ownerId: z.string().nullable(),
  createdAt: z.string().nullable(),
  updatedAt: z.string().nullable(),
  avifAutodetection: z.boolean().nullable(),
  /** `STANDARD`; others hold no files that S3 serves. Null where the server is older. */
  type: z.string().nullable(),
});
export type Bucket = z.output<typeof bucketSchema>;

/** A policy on `storage.objects` or `storage.buckets`, as `pg_policies` shows it: who may do what with the files. */
export const storagePolicySchema = z.strictObject({
  table: z.string(),
  name: z.string(),
  permissive: z.boolean(),
  roles: z.array(z.string()),
  command: z.string(),
  using: z.string().nullable(),
  check: z.string().nullable(),
});

/** Rows of a shard and the sum of their hashes: equal sums, equal rows. */
export const shardSumSchema = z.tuple([z.number().int().nonnegative(), z.string().regex(/^-?\d+$/)]);
export type ShardSum = z.output<typeof shardSumSchema>;

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
