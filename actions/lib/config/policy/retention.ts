import { z } from "zod";

const most = 36_525;
const range = `a whole number of days from 1 to ${most}`;

/** A term. Zero is no term: it would let go of everything the day it is made. */
export const termDays = z.number({ error: range }).int(range).min(1, range).max(most, range);

/**
 * What goes from both vaults, beside the terms of the tiers. The newest proven and the newest verified set of each tier stay for
 * ever, whatever stands here.
 */
export const retentionPolicySchema = z
  .strictObject({
    /** Newest good sets, and newest good snapshots of the files, that stay whatever their age. */
    keepNewest: z
      .number()
      .int()
      .min(1, "at least 1: the newest good set always stays")
      .max(1000, "at most 1,000")
      .default(3),
    /** Without a good set, or snapshot of the files, younger than so many days, backups are failing: nothing is removed. */
    staleDays: termDays.default(7),
    /**
     * Without a passed restore test younger than so many days, proofs are failing: nothing is removed. Null: they are not waited
     * for; nor are they while `restoreTest.projectRef` is null, because nothing is proven then.
     */
    staleProofDays: termDays.nullable().default(45),
    /** Days that what runs leave beside the sets is kept. Proofs of a set that stays, stay. */
    records: z
      .strictObject({
        /** What restore tests have shown. */
        proofs: termDays.default(2557),
        /** What each job has said of itself; the branch of the reports keeps its own copy. */
        reports: termDays.default(400),
        /** Which day's summary was sent, and which thread a run's messages lie in. */
        notify: termDays.default(90),
      })
      .prefault({}),
  })
  .prefault({});

export type RetentionPolicy = z.output<typeof retentionPolicySchema>;
