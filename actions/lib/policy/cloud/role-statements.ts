import { database, files, replica, type Statement } from "./document.ts";

/** @param actions of S3, without `s3:` */
export function allow(Sid: string, actions: readonly string[], Resource: readonly string[]): Statement {
  return { Sid, Effect: "Allow", Action: actions.map((action) => `s3:${action}`), Resource };
}

/** @param actions of S3, without `s3:` */
export function deny(
  Sid: string,
  actions: readonly string[],
  Resource: readonly string[],
  Condition?: Statement["Condition"],
): Statement {
  const statement = { Sid, Effect: "Deny" as const, Action: actions.map((action) => `s3:${action}`), Resource };
  return Condition === undefined ? statement : { ...statement, Condition };
}

export const everyBucket = [...database(), ...files(), ...replica()];
export const everyObject = [...database("*"), ...files("*"), ...replica("*")];

/** What several roles have in common: managed policies of their own, so that what they deny holds whatever else a role is given. */
export interface SharedPolicy {
  readonly description: string;
  readonly statements: readonly Statement[];
}

/** What would undo the vault's protection, of a bucket. */
const undoing = [
  "DeleteBucket",
  "DeleteBucketPolicy",
  "PutBucketAcl",
  "PutBucketObjectLockConfiguration",
  "PutBucketOwnershipControls",
  "PutBucketPolicy",
  "PutBucketPublicAccessBlock",
  "PutBucketVersioning",
  "PutLifecycleConfiguration",
  "PutReplicationConfiguration",
];

/** A lock beyond the policy's longest term is nobody's work: it would be there, and paid for, for as long as somebody has typed. */
export const tooLong = { NumericGreaterThan: { "s3:object-lock-remaining-retention-days": "${LongestLockDays}" } };

/** For people's roles with what else an entry asks for. */
export const audits = allow("Audits", ["PutObject", "PutObjectRetention"], database("audit/*"));

export const shared = {
  // Nobody undoes a lock, or hides an object below a delete marker: what Lifeboat removes, it removes by version.
  Never: {
    description: "What no job of Lifeboat may do with the vault",
    statements: [
      deny("Never", ["DeleteObject", "PutObjectAcl", ...undoing], [...everyBucket, ...everyObject]),
      deny("NeverLocksForEver", ["PutObject", "PutObjectRetention"], everyObject, tooLong),
      deny("NeverElsewhere", ["*"], ["*"], { StringNotEquals: { "aws:RequestedRegion": "${Regions}" } }),
    ],
  },
  // For every role but erasure.
  NeverUnlocks: {
    description: "Undoes no lock in the vault",
    statements: [deny("NeverUnlocks", ["BypassGovernanceRetention"], everyObject)],
  },
  // For every role but the one that holds: whoever may set a legal hold may lift it as well.
  NeverHolds: {
    description: "Sets and lifts no legal hold in the vault",
    statements: [deny("NeverHolds", ["PutObjectLegalHold"], everyObject)],
  },
  // For every role but those that remove. Whoever changes the recipients of keys is a person: KeysPolicy.
  NeverDeletes: {
    description: "Deletes no version in the vault",
    statements: [deny("NeverDeletes", ["DeleteObjectVersion"], everyObject)],
  },
  // What all jobs have in common: they read what is sealed, tell how it went, and send the day's summary.
  ReadsAndTells: {
    description: "Reads the vault, and leaves run reports",
    statements: [
      allow(
        "Lists",
        ["GetBucketLocation", "GetBucketObjectLockConfiguration", "ListBucket", "ListBucketVersions"],
        everyBucket,
      ),
      // Without s3:GetObjectRetention a HEAD leaves the lock out, and what is locked looks as if it were not; so with a legal hold.
      allow("Reads", ["GetObject", "GetObjectLegalHold", "GetObjectRetention", "GetObjectVersion"], everyObject),
      allow("Tells", ["PutObject"], database("notify/*", "reports/*")),
    ],
  },
  // Every job but the monitor, which only reads: what was done is added to the audit trail, under a lock, and never taken away.
  Audits: {
    description: "Adds entries to the audit trail",
    statements: [audits],
  },
} as const satisfies Record<string, SharedPolicy>;

export type Shared = keyof typeof shared;
