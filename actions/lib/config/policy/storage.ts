import { z } from "zod";

const GiB = 1024 ** 3;

/**
 * When copying Storage's files is more than one runner can do in its window, the workflow `backup` divides it. A runner of GitHub's
 * has six hours; what is here is about two hours' work, so that a slow day still fits.
 */
export const fanOutPolicySchema = z
  .strictObject({
    /** Files that one runner copies; more than that are divided. */
    filesPerRunner: z.number().int().positive().default(500_000),
    /** Bytes that one runner copies; more than that are divided. */
    bytesPerRunner: z
      .number()
      .int()
      .positive()
      .default(200 * GiB),
    /** Runners at the same time, at most: each reads from Supabase with many connections. GitHub takes 256 in a matrix. */
    mostRunners: z.number().int().min(1).max(256).default(8),
  })
  .prefault({});

export type FanOutPolicy = z.output<typeof fanOutPolicySchema>;

const days = z.number().int().positive();

/** How the vault of the files is kept: locks, and packs that are mostly empty. What goes, and when: `retention`. */
export const storageRetentionPolicySchema = z
  .strictObject({
    /**
     * Days that a new object is locked. Once a week a sync looks, and extends the lock of what a kept snapshot names when less
     * than half is left: nothing is locked for seven years at once, so that what must be erased can be.
     */
    lockDays: days.min(28).default(60),
    keepNewest: z.never({ error: "has moved to retention.keepNewest, which counts for both vaults" }).optional(),
    staleDays: z.never({ error: "has moved to retention.staleDays, which counts for both vaults" }).optional(),
    /**
     * A pack of which less than this share (0 to 1) of the bytes still lives is copied anew; 0 switches it off. Where a tier
     * keeps snapshots for more than 90 days, the share shrinks alike: until the last of them goes, what was copied anew is in
     * the vault twice.
     */
    compactBelowShare: z.number().min(0).max(1).default(0.3),
    /** Bytes of living files that one sync copies anew for that, at most. */
    compactBytesPerRun: z
      .number()
      .int()
      .nonnegative()
      .default(1024 ** 3),
  })
  .prefault({});

export type StorageRetentionPolicy = z.output<typeof storageRetentionPolicySchema>;

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
    retention: storageRetentionPolicySchema,
    upkeep: z.never({ error: "is called storage.retention now: rename the key, its values stay" }).optional(),
  })
  .prefault({});
export type StoragePolicy = z.output<typeof storagePolicySchema>;
