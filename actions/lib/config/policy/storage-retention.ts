import { z } from "zod";

const days = z.number().int().positive();

/** How the vault of the files is kept: locks, what no snapshot names any more, packs that are mostly empty. */
export const storageUpkeepPolicySchema = z
  .strictObject({
    /**
     * Days that a new object is locked. Once a week a sync looks, and extends the lock of what a kept snapshot names when less
     * than half is left: nothing is locked for seven years at once, so that what must be erased can be.
     */
    lockDays: days.min(28).default(60),
    /** Newest snapshots that stay whatever their age. */
    keepNewest: z.number().int().min(1).default(3),
    /** When the newest snapshot is older than so many days, syncs are failing: nothing is removed then. */
    staleDays: days.default(7),
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

export type StorageUpkeepPolicy = z.output<typeof storageUpkeepPolicySchema>;
