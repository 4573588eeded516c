import { z } from "zod";
import { fanOutPolicySchema } from "./fan-out.ts";
import { storageUpkeepPolicySchema } from "./storage-retention.ts";

const MiB = 1024 * 1024;
const bytes = z.number().int().positive();

/** What was not as it should be. Names of files stand in the sealed findings only. */
const findingKinds = [
  /** A row whose file Storage does not have. */
  "lost",
  /** A file that has no row (found by `--audit`). */
  "orphan",
  /** Replaced between list and read: the newer content was taken, under the newer row. */
  "replaced",
  /** Deleted between list and read: not in the snapshot. */
  "vanished",
  /** The content does not fit what its row says (size or eTag), each time it is read; taken as it is. */
  "unlike-row",
  /** The endpoint cannot carry the key, so that the file can be neither read nor restored through it. */
  "uncarried-key",
  /** User metadata that S3 cannot carry: it is in the list and set by SQL at a restore. */
  "uncarried-metadata",
] as const;
export const findingKindSchema = z.enum(findingKinds);
export type FindingKind = z.output<typeof findingKindSchema>;

/** How Storage's files are copied. Every value has a default. */
export const storagePolicySchema = z
  .strictObject({
    /** `all`, or the ids of the buckets that are copied; one of them that is not there refuses the run. */
    buckets: z.union([z.literal("all"), z.array(z.string().min(1)).min(1)]).default("all"),
    /**
     * Findings that fail a run. Its snapshot is published all the same: it is the best that is to be had. A row without its
     * file, a content that its row denies and a key that S3 cannot carry mean that a restore will lack something.
     */
    failOn: z.array(findingKindSchema).default(["lost", "unlike-row", "uncarried-key"]),
    /** Fail when more than this share (0 to 1) of the last snapshot's files is gone; 1 switches it off. */
    largestVanishingShare: z.number().min(0).max(1).default(0.5),
    /** Bytes that may be read from the source, which Supabase bills or caps; null: no bound. */
    egress: z
      .strictObject({ bytesPerRun: bytes.nullable().default(null), bytesPerMonth: bytes.nullable().default(null) })
      .prefault({}),
    /** Files below this size travel together in packs; others alone. */
    smallFileBytes: bytes.max(16 * MiB).default(4 * MiB),
    /** A pack is closed when it has so many bytes. */
    packBytes: bytes.max(256 * MiB).default(24 * MiB),
    /** Files read from the source at a time. */
    concurrency: z.number().int().min(1).max(64).default(16),
    /** When one runner is not enough. */
    fanOut: fanOutPolicySchema,
    /** Locks, retention and compaction of the vault of the files. */
    upkeep: storageUpkeepPolicySchema,
  })
  .prefault({});
export type StoragePolicy = z.output<typeof storagePolicySchema>;
