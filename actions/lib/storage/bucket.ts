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
