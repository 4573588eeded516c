import { z } from "zod";
import { bucketSchema, shardSumSchema, storagePolicySchema } from "../../storage/bucket.ts";

const count = z.number().int().nonnegative();

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
