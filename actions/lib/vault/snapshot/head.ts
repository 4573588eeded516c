import { z } from "zod";

const count = z.number().int().nonnegative();

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
export const shardSumSchema = z.tuple([count, z.string().regex(/^-?\d+$/)]);
export type ShardSum = z.output<typeof shardSumSchema>;

/** `head.json.zst.pgp`, sealed with the index key: what the next run compares with, and what surrounds the files. */
export const headSchema = z.strictObject({
  format: z.literal("lifeboat-files-head/1"),
  /** Null when the list came from the endpoint. */
  projectRef: z.string().nullable(),
  buckets: z.array(bucketSchema),
  policies: z.array(storagePolicySchema),
  /** Shards of the sums, a power of two: those of the snapshot's base layer. */
  shards: count,
  /** Which columns the sums are over, and which buckets: other ones cannot be compared. */
  sumsOver: z.string(),
  /** One a shard; empty when the list came from the endpoint. */
  sums: z.array(shardSumSchema),
  /** Shards in which something has to be looked at again though no row changes: lost files. */
  lookAgain: z.array(count),
  /** Files, bytes and lost files of each bucket. */
  inBuckets: z.array(z.strictObject({ bucket: z.string(), files: count, bytes: count, lost: count })),
});
export type Head = z.output<typeof headSchema>;

/** One line of `findings.ndjson.zst.pgp`. */
export const findingSchema = z.strictObject({
  kind: z.string(),
  bucket: z.string(),
  name: z.string(),
  detail: z.string(),
});
export type Finding = z.output<typeof findingSchema>;
