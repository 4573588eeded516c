import { expect, test } from "vitest";
import { type RoleName, roleNames } from "../../actions/lib/policy/cloud/roles.ts";
import { type Names, verdictOn } from "../lab/iam/role-policy.ts";
import type { S3Facts } from "../lab/iam/s3-request.ts";

/**
 * What each role may change, written by hand a second time: every action that writes or removes, on every prefix of the three buckets, is
 * judged by role's and bucket's policies together. What is not written here has to be refused.
 */

const names: Names = { database: "d", files: "f", replica: "r" };
const prefixes = [
  ...[
    "audit",
    "database/daily",
    "database/monthly",
    "drills",
    "erasures",
    "escrow",
    "files",
    "holds",
    "incident",
    "kit",
    "leases",
  ],
  ...[
    "notify",
    "packs",
    "probe",
    "proofs",
    "recoveries",
    "repairs",
    "reports",
    "retention/removed",
    "snapshots",
    "unknown",
    "upkeep",
    "uses",
  ],
];
const actions = [
  ...[
    "AbortMultipartUpload",
    "BypassGovernanceRetention",
    "DeleteObject",
    "DeleteObjectVersion",
    "PutObject",
    "PutObjectAcl",
  ],
  ...["PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging", "RestoreObject", "ReplicateObject"],
];
const ofBucket = [
  ...[
    "DeleteBucket",
    "DeleteBucketPolicy",
    "PutBucketAcl",
    "PutBucketObjectLockConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
  ],
  ...["PutBucketPublicAccessBlock", "PutBucketVersioning", "PutLifecycleConfiguration", "PutReplicationConfiguration"],
];

/** `<bucket>/<prefix>` to actions; `…` of a prefix means all below it. */
type Intended = Readonly<Record<string, readonly string[]>>;
const tells: Intended = { "d/notify": ["PutObject"], "d/reports": ["PutObject"] };
const each = (places: readonly string[], ...what: string[]): Intended =>
  Object.fromEntries(places.map((one) => [one, what]));
const sets = ["d/database/daily", "d/database/monthly"];
const copies = ["f/files", "f/packs", "f/snapshots"];
const locked = ["PutObject", "PutObjectRetention"];
/** Every role but the monitor adds to the audit trail, and none takes from it. */
const audits = each(["d/audit"], ...locked);
const written = ["AbortMultipartUpload", ...locked, "PutObjectTagging"];
const removed = ["AbortMultipartUpload", "DeleteObjectVersion"];
const records = ["kit", "notify", "proofs", "repairs", "reports", "retention/removed", "uses"];

const intended: Readonly<Record<RoleName, readonly Intended[]>> = {
  backup: [
    tells,
    audits,
    each([...sets, "d/kit", ...copies], ...written),
    each(["d/leases", "d/probe", "f/leases", "f/probe"], "PutObject"),
  ],
  proving: [
    tells,
    audits,
    each(["d/proofs"], ...locked),
    each(["d/uses", "f/uses"], "PutObject"),
    each(sets, "RestoreObject"),
  ],
  drill: [
    tells,
    audits,
    each(["d/proofs"], ...locked),
    each(["d/drills", "d/leases", "d/uses", "f/uses"], "PutObject"),
    each(sets, "RestoreObject"),
  ],
  restore: [
    tells,
    audits,
    each(["d/uses", "f/uses", "d/recoveries"], "PutObject"),
    each(sets, "RestoreObject"),
    each(["d/repairs"], "AbortMultipartUpload", ...locked),
  ],
  incident: [
    tells,
    audits,
    each(["d/incident", "f/incident"], ...locked),
    each(["d/holds", "f/holds"], "PutObject"),
    ...["d", "f"].map((one) =>
      each(
        prefixes.map((prefix) => `${one}/${prefix}`),
        "PutObjectLegalHold",
      ),
    ),
  ],
  retention: [
    tells,
    audits,
    each(
      [
        ...sets,
        ...copies,
        "d/leases",
        "d/probe",
        "f/leases",
        "f/probe",
        ...records.map((one) => `d/${one}`),
        "f/retention/removed",
        "f/uses",
      ],
      ...removed,
    ),
    each(["d/probe", "f/probe", ...copies], "PutObjectRetention"),
    each(["d/leases", "f/leases", "d/retention/removed", "f/retention/removed"], "PutObject"),
  ],
  "replica-retention": [
    tells,
    audits,
    each(
      [
        "r/database/daily",
        "r/database/monthly",
        "r/files",
        "r/packs",
        "r/snapshots",
        "r/leases",
        "r/probe",
        ...records.map((one) => `r/${one}`),
      ],
      ...removed,
    ),
    each(["r/probe"], "PutObjectRetention"),
    each(["r/leases"], "PutObject"),
  ],
  erasure: [
    tells,
    audits,
    each(["d/erasures"], ...locked),
    each(["d/leases", "f/leases", "r/leases"], "PutObject"),
    each(
      [...copies, "r/files", "r/packs", "r/snapshots"],
      "AbortMultipartUpload",
      ...locked,
      "BypassGovernanceRetention",
      "DeleteObjectVersion",
    ),
  ],
  monitor: [tells],
  keys: [audits],
  hold: [
    audits,
    each(["d/holds", "f/holds"], "PutObject"),
    each(
      [
        ...sets,
        ...copies,
        "d/holds",
        "f/holds",
        "r/database/daily",
        "r/database/monthly",
        "r/files",
        "r/holds",
        "r/packs",
        "r/snapshots",
      ],
      "PutObjectLegalHold",
    ),
  ],
  escrow: [audits, each(["d/escrow"], ...locked)],
};

const arn = (place: string): string => `arn:aws:s3:::${place}`;
const may = (role: RoleName, action: string, place: string, facts: S3Facts = {}): boolean =>
  verdictOn(role, names, `s3:${action}`, arn(place), facts) === "allowed";

test.each(roleNames)("%s changes exactly what it is meant to, of %# actions by prefix", (role) => {
  const places = ["d", "f", "r"].flatMap((bucket) => prefixes.map((prefix) => `${bucket}/${prefix}`));
  const found = places.flatMap((place) =>
    actions
      .filter((action) => may(role, action, `${place}/x/y.bin`, { lockDays: 60 }))
      .map((action) => `${action} ${place}`),
  );
  const wanted = intended[role].flatMap((part) =>
    Object.entries(part).flatMap(([place, what]) => what.map((action) => `${action} ${place}`)),
  );
  expect(found.sort()).toEqual([...new Set(wanted)].sort());
  for (const bucket of ["d", "f", "r"]) expect(ofBucket.filter((action) => may(role, action, bucket))).toEqual([]);
});

test("what is one object alone", () => {
  const one: readonly (readonly [RoleName, string, string])[] = [
    ["backup", "PutObject", "f/upkeep/done.json"],
    ["proving", "PutObject", "f/upkeep/deep-reads.json"],
    ["restore", "PutObject", "d/leases/recover.json"],
    ["restore", "PutObject", "d/incident/x/end.json"],
    ["retention", "PutObject", "d/probe/lock.txt"],
    ["keys", "DeleteObjectVersion", "d/database/daily/x/keys.pgp"],
    ["keys", "PutObject", "d/database/daily/x/secrets.pgp"],
    ["keys", "PutObject", "d/erasures/key-x.json"],
  ];
  // A rotation seals the ledger's key and its SQL anew, and touches no entry.
  expect(may("keys", "DeleteObjectVersion", "d/erasures/sql/x.sql.zst.pgp")).toBe(true);
  expect(may("keys", "DeleteObjectVersion", "d/erasures/000001.json")).toBe(false);
  for (const [role, action, place] of one) {
    expect(may(role, action, place), `${role} ${action} ${place}`).toBe(true);
    expect(may(role, action, place.replace(/[^/]+$/, "other.bin")), `${role} ${action} beside ${place}`).toBe(
      role === "backup" && place.startsWith("f/leases"),
    );
  }
  expect(may("incident", "PutObject", "d/incident/x/end.json")).toBe(false);
});

const writers = roleNames.filter(
  (role) => may(role, "PutObjectRetention", "d/database/daily/x") || may(role, "PutObjectRetention", "f/packs/x"),
);
test.each(writers)("%s locks as long as the policy's longest term, and no longer", (role) => {
  const place = role === "backup" ? "d/database/daily/x" : "f/packs/x";
  expect(may(role, "PutObjectRetention", place, { lockDays: 2587 })).toBe(true);
  expect(may(role, "PutObjectRetention", place, { lockDays: 36_500 })).toBe(false);
});

test.each(roleNames)(
  "%s reads what is sealed, or less, and nothing without TLS, in another region or with a stranger's key",
  (role) => {
    const place = "d/database/daily/x/manifest.json";
    expect(may(role, "GetObject", place)).toBe(role !== "erasure" || true);
    expect(may(role, "GetObject", place, { tls: "none" })).toBe(false);
    expect(may(role, "GetObject", place, { tls: "1.1" })).toBe(false);
    expect(may(role, "GetObject", place, { region: "ap-south-1" })).toBe(false);
    expect(may(role, "PutObject", "d/reports/x", { customerKey: true })).toBe(false);
  },
);

test("only the role of erasure undoes a lock, whatever else the others are given, and an administrator in the console does not", () => {
  const undoing = roleNames.filter((role) => may(role, "BypassGovernanceRetention", "f/packs/x"));
  expect(undoing).toEqual(["erasure"]);
  const admin = { principal: "arn:aws:iam::111122223333:role/Administrator" };
  expect(verdictOn("erasure", names, "s3:BypassGovernanceRetention", arn("f/packs/x"), admin)).toBe(
    "denied explicitly",
  );
});
