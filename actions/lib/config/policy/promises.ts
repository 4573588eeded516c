import { z } from "zod";

const minutes = z.number().positive();
const days = z.number().int().positive();
const cronTexts = z.union([z.string(), z.array(z.string()).min(1)]).transform((text) => [text].flat());

/** When something is done: cron expressions in UTC, or with `oncePer` when later runs of a period only make up for the first. */
const workSchema = z.union([
  cronTexts.transform((cron) => ({ cron, oncePer: undefined })),
  z.strictObject({ cron: cronTexts, oncePer: z.enum(["10h", "day", "week", "month", "month-from-sunday"]).optional() }),
]);

const scenario = (rtoMinutes: number, rpoMinutes: number) =>
  z
    .strictObject({
      /** How long it may take until the project is back. */
      rtoMinutes: minutes.default(rtoMinutes),
      /** How much work, by the clock, may be lost. */
      rpoMinutes: minutes.default(rpoMinutes),
    })
    .prefault({});

export const scenarios = ["minorCorruption", "databaseFailure", "completeLoss", "regionalDisaster"] as const;
export type Scenario = (typeof scenarios)[number];

/**
 * What is promised, and what cannot be read from anywhere but is needed to see whether it can be kept: what is bought from
 * Supabase, where things lie, how late GitHub is.
 */
export const promisesPolicySchema = z
  .strictObject({
    scenarios: z
      .strictObject({
        minorCorruption: scenario(15, 2),
        databaseFailure: scenario(30, 2),
        completeLoss: scenario(120, 1440),
        regionalDisaster: scenario(240, 1440),
      })
      .prefault({}),
    /** A set that a restore test has proven is never older than so many days. Null: nothing is promised. */
    provenWithinDays: days.nullable().default(40),
    supabase: z
      .strictObject({
        plan: z.enum(["free", "pro", "team", "enterprise"]).default("pro"),
        /** Days that the point-in-time-recovery add-on reaches back; null when it is not bought. */
        pitrDays: days.nullable().default(null),
        /** For how many days Supabase's own backups are counted on. */
        snapshotDays: z.number().int().nonnegative().default(0),
        /** Region of the project; null when it is not told. */
        region: z.string().min(1).nullable().default(null),
      })
      .prefault({}),
    vault: z
      .strictObject({
        /** Regions of the vault's bucket and of its replica; null when there is none, or it is not told. */
        region: z.string().min(1).nullable().default(null),
        replicaRegion: z.string().min(1).nullable().default(null),
      })
      .prefault({}),
    /** GitHub starts schedules late: 189 to 761 minutes in eight of eight runs of netcanon#419. */
    lateMinutes: z.number().nonnegative().default(761),
    /** From the moment whose data a run copies until the copy can be used. */
    runMinutes: z.number().nonnegative().default(60),
    /** Other schedules than those of `.github/workflows`: what is not named here is not done. Null: the workflows'. */
    schedules: z
      .strictObject({
        daily: workSchema.optional(),
        weekly: workSchema.optional(),
        monthly: workSchema.optional(),
        files: workSchema.optional(),
        restoreTest: workSchema.optional(),
      })
      .nullable()
      .default(null),
    /** Promises that are known not to hold, and that somebody has taken on for a while. After that day they are red again. */
    accepted: z
      .array(
        z.strictObject({
          /** As the check calls it, e.g. `completeLoss.rpo` or `archive-thaw`. */
          finding: z.string().min(1),
          reason: z.string().min(10),
          until: z.iso.date(),
        }),
      )
      .default([]),
  })
  .prefault({});

export type PromisesPolicy = z.output<typeof promisesPolicySchema>;

const usd = z.number().nonnegative();
const bytes = z.number().int().nonnegative();

/** What the owner means to pay, and how large the project is taken to be where nobody has measured it (`lifeboat cost`). */
export const costPolicySchema = z
  .strictObject({
    /** US dollars a month, by what they are for. Null: there is no budget, and `cost` has nothing to compare with. */
    estimate: z
      .strictObject({
        /** Plan, compute, add-ons, disk and files of Supabase. */
        supabase: usd,
        /** S3 Standard, here and in the replica, with its requests. */
        standard: usd,
        /** Glacier: storage, transitions, retrieval. */
        glacier: usd,
        /** What leaves Supabase and AWS, and what goes to the replica. */
        transfer: usd,
        /** Minutes of GitHub Actions. */
        actions: usd.default(0),
      })
      .nullable()
      .default(null),
    /** Compute size of the project, e.g. `small`. */
    compute: z.string().min(1).default("micro"),
    /** What the application itself serves in a month, which counts against the same inclusion as the backups. */
    applicationEgressBytes: bytes.default(0),
    /** Where neither the vault nor the branch `reports` tells. */
    assumed: z
      .strictObject({
        /** Rows as they are read, before compression. */
        databaseBytes: bytes.default(2e9),
        databaseGrowthBytesPerMonth: bytes.default(0),
        files: z.number().int().nonnegative().default(0),
        fileBytes: bytes.default(0),
        /** Files that are new or replaced in a month, and their bytes. */
        newFilesPerMonth: z.number().int().nonnegative().default(0),
        newFileBytesPerMonth: bytes.default(0),
      })
      .prefault({}),
  })
  .prefault({});
