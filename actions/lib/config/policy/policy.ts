import { z } from "zod";
import { erasurePolicySchema } from "./erasure.ts";
import { monitorPolicySchema } from "./monitor.ts";
import { costPolicySchema, promisesPolicySchema } from "./promises.ts";
import { drillPolicySchema, recoveryPolicySchema } from "./recovery.ts";
import { fingerprint, restoreTestPolicySchema } from "./restore-test.ts";
import { storagePolicySchema } from "./storage.ts";

const channel = z.enum(["slack", "email", "issue"]);
export type ChannelName = z.infer<typeof channel>;

/** Who is told what. A channel that is named here and not set in the environment is passed over. */
export const notifyPolicySchema = z
  .strictObject({
    /** A run that failed, at once. */
    failure: z
      .strictObject({
        channels: z.array(channel).default(["slack", "email", "issue"]),
        /** `first`: the first that takes it; the next one is told when it does not. `all`: every one. */
        reach: z.enum(["first", "all"]).default("first"),
      })
      .prefault({}),
    /** A critical check of the monitor: when it turns, and each day until it is well. */
    critical: z
      .strictObject({
        channels: z.array(channel).default(["slack", "email", "issue"]),
        reach: z.enum(["first", "all"]).default("all"),
      })
      .prefault({}),
    /** One message a day: the monitor's checks and all that ran, sent by its first run after this hour (UTC). Null: none. */
    summary: z
      .strictObject({
        channels: z.array(channel).default(["slack", "email"]),
        reach: z.enum(["first", "all"]).default("first"),
        hour: z.number().int().min(0).max(23).nullable().default(9),
      })
      .prefault({}),
  })
  .prefault({});

export type NotifyPolicy = z.output<typeof notifyPolicySchema>;

const GiB = 1024 ** 3;

/** How files are brought back into a project. */
const restoreFilesPolicySchema = z
  .strictObject({
    /** Requests to the target's endpoint at the same time. */
    requestsAtOnce: z.number().int().min(1).max(128).default(16),
    /** Up to so many bytes everything that was restored is read back; above, a twentieth, which the result says. */
    readBackBytes: z
      .number()
      .int()
      .nonnegative()
      .default(20 * GiB),
  })
  .prefault({});

const days = z.number().int().positive();
const seconds = z.number().positive();

const most = 36_525;
const range = `a whole number of days from 1 to ${most}`;

/** A term. Zero is no term: it would let go of everything the day it is made. */
const termDays = z.number({ error: range }).int(range).min(1, range).max(most, range);

/**
 * What goes from both vaults, beside the terms of the tiers. The newest proven and the newest verified set of each tier stay for
 * ever, whatever stands here.
 */
const retentionPolicySchema = z
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
        /** Which thread a run's messages lie in. */
        notify: termDays.default(90),
        /** Plans of repairs and what takes them back: rows of the database, sealed. */
        repairs: termDays.default(400),
      })
      .prefault({}),
  })
  .prefault({});

const tierPolicySchema = z.strictObject({
  /** How long a set of this tier is kept. */
  retentionDays: termDays,
  /** Object lock that S3 puts on the set's objects; `none` leaves them deletable. */
  lock: z.enum(["governance", "none"]).default("governance"),
});

/** What holds while an incident is on (`lifeboat incident`). */
const incidentPolicySchema = z
  .strictObject({
    /** Days after which one that is still on is an alarm: until it ends nothing is removed and no new set counts as a good one. */
    longestDays: z.number().int().min(1).max(365).default(7),
    /** Who has to hear of one, in words: people, roles, authorities. `lifeboat incident begin` prints them. */
    tell: z.array(z.string().min(1).max(200)).max(20).default([]),
  })
  .prefault({});

/** `lifeboat repair`. */
const repairPolicySchema = z
  .strictObject({
    /** Days for which nobody can remove a plan or an undo, where the bucket can lock; never longer than they are kept. */
    lockDays: termDays.default(90),
    /** What may fire for rows that are put back though it is ENABLE ALWAYS: `schema.table trigger name`. All other triggers are off. */
    mayFire: z.array(z.string().min(1)).default([]),
    /**
     * Fingerprints of former operations and escrow keys, whose plans and repairs, and entries of the ledger of erasures, count still:
     * without its key's a repair cannot be taken back, and no restore is proven. A key that was stolen is not named here.
     */
    formerKeys: z.array(fingerprint).default([]),
  })
  .prefault({});

/** The audit trail of the vault (runbooks/audit-trail.md). */
const auditPolicySchema = z
  .strictObject({
    /** `compliance`: nobody removes an entry before its term, the account's root included; it cannot be taken back either. */
    lock: z.enum(["governance", "compliance"]).default("governance"),
    /** Days for which nobody can remove an entry, where the bucket can lock. */
    lockDays: z.number().int().min(1).max(400, "at most 400: a lock cannot be shortened again").default(400),
  })
  .prefault({});

/** The bucket that the vault is replicated to (S3_REPLICA_BUCKET). */
const replicaPolicySchema = z
  .strictObject({
    /** Hours after which something that is not there yet is an alarm. S3 itself promises nothing; most arrives in 15 minutes. */
    lagHours: z.number().positive().max(720).default(24),
    /** What the vault has removed stays there for so many days more: 7 at least, time to notice a mistake. */
    removedAfterDays: z.number().int().min(7, "at least 7: one mistake must not empty both").max(365).default(7),
  })
  .prefault({});

const recipientsSchema = z.strictObject({
  operations: fingerprint.nullable(),
  prover: fingerprint.nullable(),
  escrow: fingerprint.nullable(),
});

/** What `lifeboat.config.ts` says. Everything has a place here or nowhere: unknown names are refused. */
const writtenSchema = z.strictObject({
  project: z.strictObject({ name: z.string().min(1) }),
  /** Regions that data may go to; a bucket in any other is refused before the first byte. */
  regions: z.array(z.string().min(1)).min(1),
  tiers: z.strictObject({ daily: tierPolicySchema, weekly: tierPolicySchema, monthly: tierPolicySchema }),
  /** Fingerprints of the primary keys. Null: that key has not been made yet. */
  keys: z.strictObject({
    recipients: recipientsSchema,
    /** Newest first; older ones stay so that old signatures verify. */
    signing: z.array(fingerprint),
    /** Other former keys, to which nothing is sealed any more: their public halves may stay among the public keys. */
    former: z.array(fingerprint).default([]),
  }),
  backup: z.strictObject({
    /** Fail when rows or bytes are less than this share (0 to 1) of the newest set's of any tier; 0 switches it off. */
    smallestShareOfLastSet: z.number().min(0).max(1),
    /**
     * A table of which more is gone, or changed, than this since the set before is told in the run's page, report and messages: an
     * accident shows the same day. It fails nothing. What a table does again and again is usual and not told.
     */
    jumps: z
      .strictObject({
        /** Of smaller tables nothing is told, nor of fewer rows. */
        leastRows: z.number().int().min(1).default(100),
        /** Share (above 0, to 1) of a table's rows that are gone. */
        lostShare: z.number().gt(0).max(1).default(0.05),
        /** Share of a table's rows that were updated or deleted: an estimate. */
        changedShare: z.number().gt(0).max(1).default(0.3),
        /** Tables (`schema.table`) of which nothing is told. */
        ignore: z.array(z.string().min(1)).default([]),
      })
      .prefault({}),
    /** A key that expires within so many days is a warning in every run. */
    warnBeforeKeyExpiryDays: days,
  }),
  source: z.strictObject({
    /** Sessions that read or write rows at the same time, at most: how many of them read is found out as they do. */
    jobs: z.number().int().min(1).max(16),
    /** Longest wait for a table lock before the backup gives way. */
    lockWaitSeconds: seconds,
    /** Longest time that somebody's DDL may queue behind the backup's locks before the backup gives way; with others behind it, a second. */
    yieldToDdlSeconds: seconds,
    /** A backup that gave way starts over when the migration is done, until so many minutes after it began. 0: it fails. */
    startOverMinutes: z.number().min(0).max(300).default(30),
    /** Connections that Lifeboat may hold at once. */
    connectionBudget: z.number().int().min(5),
    /** Bytes on disk that a file of rows has at most: a larger table travels in slices, smaller ones together. */
    sliceBytes: z.number().int().positive(),
    /** What Supabase lets a project read out in a calendar month before it bills, or throttles behind a spend cap. */
    egress: z
      .strictObject({
        /** Null: what the plan of `promises.supabase` has. */
        bytesPerMonth: z.number().int().positive().nullable().default(null),
        /** How much of it the sets may take; before they take more, the second set of a day stands back. */
        share: z.number().gt(0).max(1).default(0.5),
      })
      .prefault({}),
  }),
  vault: z.strictObject({
    /** Bytes of one upload part: what is sent, hashed, read back and fetched at a time. S3 wants at least 5 MiB. */
    partBytes: z
      .number()
      .int()
      .min(5 * 1024 * 1024),
    /** Most parts of one object (S3's limit is 10,000); what is longer is split into segments. */
    maxParts: z.number().int().min(1).max(10_000),
    /** Fetch everything again after sending and compare. */
    readBack: z.boolean(),
    /** Whether a bucket without object lock is refused or only warned about. */
    objectLock: z.enum(["required", "recommended"]),
  }),
  /** Where archives (tier monthly) go when they have been read back: what the bucket's lifecycle has to do. */
  archive: z
    .strictObject({
      /** GLACIER: thawed in 3 to 5 hours. DEEP_ARCHIVE: within 12, at a quarter of the price. GLACIER_IR: at once, dearer. */
      storageClass: z.enum(["GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"]),
      /** Days in Standard before that: time to look at an archive that was just made. */
      afterDays: days,
    })
    .default({ storageClass: "GLACIER", afterDays: 1 }),
  /** Where a restore may write: a name, and the prefix of the environment variables that describe it. */
  targets: z.record(
    z.string().regex(/^[a-z][a-z0-9-]*$/),
    z.strictObject({ env: z.string().regex(/^[A-Z][A-Z0-9_]*$/) }),
  ),
  restoreFiles: restoreFilesPolicySchema,
  restoreTest: restoreTestPolicySchema,
  promises: promisesPolicySchema,
  storage: storagePolicySchema,
  retention: retentionPolicySchema,
  notify: notifyPolicySchema,
  monitor: monitorPolicySchema,
  incident: incidentPolicySchema,
  replica: replicaPolicySchema,
  repair: repairPolicySchema,
  recovery: recoveryPolicySchema,
  drill: drillPolicySchema,
  cost: costPolicySchema,
  audit: auditPolicySchema,
  erasure: erasurePolicySchema,
});

/** Who is named as former anywhere is no stranger among the public keys. */
export const policySchema = writtenSchema.transform((policy) => {
  const former = new Set([...policy.keys.former, ...policy.repair.formerKeys, ...policy.restoreTest.formerProvers]);
  return { ...policy, keys: { ...policy.keys, former: [...former] } };
});

export type Policy = z.output<typeof policySchema>;
export type PolicyInput = z.input<typeof policySchema>;
export type TierPolicy = Policy["tiers"]["daily"];

/** Gives the policy file its types; the values are checked when the policy is loaded. */
export function definePolicy(policy: PolicyInput): PolicyInput {
  return policy;
}

type Promised = NonNullable<PolicyInput["promises"]>;

/** What differs from owner to owner: `lifeboat init` writes it at the policy's top. */
interface Own {
  readonly project: string;
  readonly regions: readonly string[];
  readonly supabase: NonNullable<Promised["supabase"]>;
  readonly vault: NonNullable<Promised["vault"]>;
  readonly retentionDays: Readonly<Record<keyof Policy["tiers"], number>>;
  /** Of the project that restore tests may empty. */
  readonly stagingRef: string | null;
}

/** Gives those lines their types. */
export function defineOwn(own: Own): Own {
  return own;
}
