import { database, files, replica, type Statement } from "./document.ts";
import { awsQuestions, bucketQuestions } from "./questions.ts";
import { allow, audits, deny, everyBucket, everyObject, type Shared, shared } from "./role-statements.ts";

/** Who works with the vault: a job of GitHub by its environment, or a person on top of their own rights. */
export interface Role {
  /** Logical name in the template. */
  readonly resource: string;
  readonly description: string;
  /** GitHub's, whose jobs may take the role; null: a policy for a person. */
  readonly environment: string | null;
  readonly shared: readonly Shared[];
  readonly statements: readonly Statement[];
  readonly onlyWith?: "HasReplica";
}

export type RoleName =
  | "backup"
  | "proving"
  | "drill"
  | "restore"
  | "retention"
  | "replica-retention"
  | "incident"
  | "erasure"
  | "monitor"
  | "keys"
  | "hold"
  | "escrow";

const reading = ["Never", "NeverUnlocks", "NeverHolds", "NeverDeletes", "ReadsAndTells"] as const;
const cautious = [...reading, "Audits"] as const;
const looks = allow("Looks", ["GetBucketVersioning"], [...database(), ...files()]);
const proves = allow("Proves", ["PutObject", "PutObjectRetention"], database("proofs/*"));
const uses = allow("Uses", ["PutObject"], [...database("uses/*"), ...files("uses/*")]);
const thaws = allow("Thaws", ["RestoreObject"], database("database/*"));
/** Records, by their own terms. */
const records = ["kit/*", "notify/*", "proofs/*", "repairs/*", "reports/*", "retention/*", "uses/*"];
const unmade = ["DeleteObject", "DeleteObjectVersion", "PutBucketObjectLockConfiguration", "PutBucketVersioning"];
const undone = ["BypassGovernanceRetention", ...unmade, "PutLifecycleConfiguration"];

/**
 * What each role may do, and nothing else: the policies of scripts/provision/access.yml are made of it. `npm run check` compares it with
 * what the code of each role asks of the vault, and a test lets the roles work under it.
 */
export const roles: Readonly<Record<RoleName, Role>> = {
  // The workflow backup, `lifeboat check`.
  backup: {
    ...{ resource: "BackupRole", environment: "backup", shared: cautious },
    description: "Writes backup sets and snapshots of the files; deletes nothing",
    statements: [
      allow(
        "Looks",
        ["GetBucketVersioning", "GetLifecycleConfiguration", "ListBucketMultipartUploads"],
        [...database(), ...files()],
      ),
      allow(
        "Writes",
        ["AbortMultipartUpload", "PutObject", "PutObjectRetention", "PutObjectTagging"],
        [...database("database/*", "kit/*"), ...files("files/*", "packs/*", "snapshots/*")],
      ),
      allow("SeesTags", ["GetObjectTagging"], database("database/monthly/*")),
      allow(
        "Coordinates",
        ["PutObject"],
        [...database("leases/*", "probe/*"), ...files("leases/*", "probe/*", "upkeep/done.json")],
      ),
    ],
  },

  // restore-test and verifications.
  proving: {
    ...{ resource: "ProvingRole", environment: "proving", shared: cautious },
    description: "Reads sets back, and writes proofs",
    statements: [looks, proves, allow("Remembers", ["PutObject"], files("upkeep/deep-reads.json")), uses, thaws],
  },

  // disaster-drill. It deletes nothing in the vault either: what a drill makes lies elsewhere.
  drill: {
    ...{ resource: "DrillRole", environment: "drill", shared: cautious },
    description: "Plays disasters with sets, and writes proofs",
    statements: [looks, proves, allow("Notes", ["PutObject"], database("drills/*", "leases/*")), uses, thaws],
  },

  // restore, and what people restore by hand.
  restore: {
    ...{ resource: "RestoreRole", environment: "restore", shared: cautious },
    description: "Reads sets back, and thaws archives",
    statements: [
      uses,
      thaws,
      // What a recovery has done so far, sealed, for the run that takes it up; and that one works at a time.
      allow("Recovers", ["PutObject"], database("leases/recover.json", "recoveries/*")),
      // Plans of repairs and what takes them back, sealed and locked.
      allow(
        "Repairs",
        ["AbortMultipartUpload", "GetObjectRetention", "PutObject", "PutObjectRetention"],
        database("repairs/*"),
      ),
      // Its environment's reviewers agree to the end of an incident.
      allow(
        "EndsIncidents",
        ["PutObject", "PutObjectRetention"],
        [...database("incident/*/end*.json"), ...files("incident/*/end*.json")],
      ),
    ],
  },

  // The job that deletes versions; locks and holds stand against it as well.
  retention: {
    ...{ resource: "RetentionRole", environment: "retention" },
    shared: ["Never", "NeverUnlocks", "NeverHolds", "ReadsAndTells", "Audits"],
    description: "Removes what may go, where no lock forbids it",
    statements: [
      allow("Looks", ["GetBucketVersioning", "ListBucketMultipartUploads"], [...database(), ...files()]),
      allow(
        "Removes",
        ["AbortMultipartUpload", "DeleteObjectVersion"],
        [
          ...database("database/*", "leases/*", "probe/*", ...records),
          ...files("files/*", "packs/*", "snapshots/*", "leases/*", "probe/*", "retention/*", "uses/*"),
        ],
      ),
      // On probe/: a small object is locked, and then asked to go, to see that the store's locks hold.
      allow(
        "Locks",
        ["PutObjectRetention"],
        [...database("probe/*"), ...files("files/*", "packs/*", "probe/*", "snapshots/*")],
      ),
      allow(
        "Coordinates",
        ["PutObject"],
        [
          ...database("leases/*", "probe/lock.txt", "retention/removed/*"),
          ...files("leases/*", "probe/lock.txt", "retention/removed/*", "upkeep/done.json"),
        ],
      ),
    ],
  },

  // retention --replica. What empties the vault cannot touch the replica, and the other way round.
  "replica-retention": {
    ...{ resource: "ReplicaRetentionRole", environment: "replica-retention", onlyWith: "HasReplica" },
    shared: ["Never", "NeverUnlocks", "NeverHolds", "ReadsAndTells", "Audits"],
    description: "Removes from the replica what the vault has let go of",
    statements: [
      deny("NeverDeletesInTheVault", ["DeleteObjectVersion"], [...database("*"), ...files("*")]),
      allow("Looks", ["GetBucketVersioning", "ListBucketMultipartUploads"], replica()),
      allow(
        "Removes",
        ["AbortMultipartUpload", "DeleteObjectVersion"],
        replica("database/*", "files/*", "packs/*", "snapshots/*", "leases/*", "probe/*", ...records),
      ),
      allow("Locks", ["PutObjectRetention"], replica("probe/*")),
      allow("Coordinates", ["PutObject"], replica("leases/*", "probe/lock.txt")),
    ],
  },

  // It begins an incident, keeps evidence and holds what is good; it deletes nothing.
  incident: {
    ...{ resource: "IncidentRole", environment: "incident" },
    shared: ["Never", "NeverUnlocks", "NeverDeletes", "ReadsAndTells", "Audits"],
    description: "Begins incidents, and holds sets",
    statements: [
      allow("Begins", ["PutObject", "PutObjectRetention"], [...database("incident/*"), ...files("incident/*")]),
      // No reviewers stand before its environment: to end an incident takes the environment restore.
      deny("NeverEnds", ["PutObject"], [...database("incident/*/end*.json"), ...files("incident/*/end*.json")]),
      allow("Registers", ["PutObject"], [...database("holds/*"), ...files("holds/*")]),
      // Who may set a hold may lift it: to lift one and to delete takes two roles.
      allow("Holds", ["GetObjectLegalHold", "PutObjectLegalHold"], [...database("*"), ...files("*")]),
    ],
  },

  // Erases a person from the copies of files: the one role that may undo a lock, and no hold.
  erasure: {
    ...{ resource: "ErasureRole", environment: "privacy", shared: ["Never", "NeverHolds", "ReadsAndTells", "Audits"] },
    description: "Rewrites what holds a person who has to be erased, and undoes its locks",
    statements: [
      looks,
      allow("Records", ["PutObject", "PutObjectRetention"], database("erasures/*")),
      allow("Coordinates", ["PutObject"], [...database("leases/*"), ...files("leases/*"), ...replica("leases/*")]),
      allow(
        "Rewrites",
        ["AbortMultipartUpload", "PutObject", "PutObjectRetention"],
        [...files("files/*", "packs/*", "snapshots/*"), ...replica("files/*", "packs/*", "snapshots/*")],
      ),
      allow(
        "Erases",
        ["BypassGovernanceRetention", "DeleteObjectVersion"],
        [...files("files/*", "packs/*", "snapshots/*"), ...replica("files/*", "packs/*", "snapshots/*")],
      ),
    ],
  },

  // It reads everything, also how the account is set up, and leaves its own reports; it writes nothing else.
  monitor: {
    ...{ resource: "MonitorRole", environment: "monitor", shared: reading },
    description: "Reads run reports and looks at what the vault has",
    statements: [
      allow("Looks", ["GetBucketVersioning", "GetLifecycleConfiguration", ...bucketQuestions], everyBucket),
      { Sid: "Compares", Effect: "Allow", Action: awsQuestions, Resource: ["*"] },
    ],
  },

  // `lifeboat keys rewrap`: for the person who changes who can open sets, for that day.
  keys: {
    ...{ resource: "KeysPolicy", environment: null, shared: [] },
    description: "Changes the recipients of sets, repairs and the ledger of erasures, and removes the old keys",
    statements: [
      allow(
        "Lists",
        ["GetBucketLocation", "GetBucketObjectLockConfiguration", "ListBucket", "ListBucketVersions"],
        database(),
      ),
      audits,
      allow("Reads", ["GetObject", "GetObjectRetention", "GetObjectVersion"], database("*")),
      allow(
        "Rewraps",
        ["DeleteObjectVersion", "PutObject", "PutObjectRetention"],
        database(
          "database/*/keys.pgp",
          "database/*/secrets.pgp",
          "repairs/*/keys*",
          "erasures/key-*",
          "erasures/sql/*",
        ),
      ),
    ],
  },

  // `lifeboat hold`, `lifeboat release`: for the person who decides what must stay, for that day. Nobody can be given the right to set a
  // hold alone, so whoever has this one deletes nothing: to lift a hold and to delete takes two.
  hold: {
    ...{ resource: "HoldPolicy", environment: null, shared: [] },
    description: "Holds sets, and releases them",
    statements: [
      allow(
        "Lists",
        ["GetBucketLocation", "GetBucketObjectLockConfiguration", "ListBucket", "ListBucketVersions"],
        everyBucket,
      ),
      audits,
      allow("Reads", ["GetObject", "GetObjectLegalHold", "GetObjectRetention", "GetObjectVersion"], everyObject),
      allow("Enters", ["PutObject"], [...database("holds/*"), ...files("holds/*")]),
      allow(
        "Holds",
        ["PutObjectLegalHold"],
        [
          ...database("database/*", "holds/*"),
          ...files("files/*", "holds/*", "packs/*", "snapshots/*"),
          ...replica("database/*", "files/*", "holds/*", "packs/*", "snapshots/*"),
        ],
      ),
      deny("DeletesNothing", undone, [...everyBucket, ...everyObject]),
    ],
  },

  // `lifeboat escrow`: for the person who has what Supabase never tells. Nothing of Lifeboat deletes below escrow/.
  escrow: {
    ...{ resource: "EscrowPolicy", environment: null, shared: [] },
    description: "Puts into escrow, and lists what is there",
    statements: [
      allow(
        "Lists",
        ["GetBucketLocation", "GetBucketObjectLockConfiguration", "ListBucket", "ListBucketVersions"],
        [...database(), ...replica()],
      ),
      allow("Reads", ["GetObject", "GetObjectRetention", "GetObjectVersion"], [...database("*"), ...replica("*")]),
      audits,
      allow("Puts", ["PutObject", "PutObjectRetention"], database("escrow/*")),
      deny("NeverHoldsOrDeletes", [...undone, "PutObjectLegalHold"], [...everyBucket, ...everyObject]),
    ],
  },
};

export const roleNames = Object.keys(roles) as readonly RoleName[];

/** All that a role may and may not: what it shares with others, and its own. */
export function statementsOf({ shared: names, statements }: Role): readonly Statement[] {
  return [...names.flatMap((name) => shared[name].statements as readonly Statement[]), ...statements];
}
