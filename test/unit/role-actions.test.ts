import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { roles as matrix, type Role, type RoleName, roleNames as roles } from "../../actions/lib/policy/cloud/roles.ts";
import { askedBy, roleProblems } from "../../scripts/check/role-actions.ts";
import { allows, policyOf } from "../lab/iam/role-policy.ts";

const root = new URL("../..", import.meta.url).pathname;
const buckets = { database: "d", files: "f" };
const arn = (path: string): string => `arn:aws:s3:::${path}`;

test("each role may do what its code asks of the vault, and nothing else", () =>
  expect(roleProblems(root)).toEqual([]));

test("retention and whoever changes the recipients of keys reach deletion, and nobody else", () => {
  const deleting = roles.filter((role) => askedBy(root, role).has("s3:DeleteObjectVersion"));
  expect(deleting).toEqual(["retention", "replica-retention", "keys"]);
});

test.each(roles.filter((role) => !["retention", "replica-retention", "erasure", "keys"].includes(role)))(
  "%s can delete, hide and unlock nothing, whatever else it is given",
  (role) => {
    const ofObjects = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"];
    const ofBuckets = ["s3:PutBucketVersioning", "s3:PutBucketObjectLockConfiguration", "s3:PutLifecycleConfiguration"];
    const all = { Effect: "Allow", Action: [...ofObjects, ...ofBuckets], Resource: [arn("*")] } as const;
    const policy = [...policyOf(role, buckets), all];
    const objects = ["d/database/daily/x/manifest.json", "f/packs/x/1", "d/leases/x"].map(arn);
    expect(ofObjects.flatMap((action) => objects.filter((one) => allows(policy, action, one)))).toEqual([]);
    expect(ofBuckets.flatMap((action) => ["d", "f"].filter((one) => allows(policy, action, arn(one))))).toEqual([]);
  },
);

test("neither retention can delete anything on the other's side, whatever else it is given", () => {
  const all = { Effect: "Allow", Action: ["s3:DeleteObjectVersion"], Resource: [arn("d/*"), arn("f/*")] } as const;
  const three = { database: "d", files: "f", replica: "r" };
  const ofVault = policyOf("retention", three);
  const ofReplica = [...policyOf("replica-retention", three), all];
  const below = ["database/daily/x/keys.pgp", "files/x/1", "packs/x/1", "snapshots/x/manifest.json", "proofs/x/1.json"];
  for (const path of below) {
    expect(allows(ofVault, "s3:DeleteObjectVersion", arn(`r/${path}`))).toBe(false);
    expect(allows(ofReplica, "s3:DeleteObjectVersion", arn(`d/${path}`))).toBe(false);
    expect(allows(ofReplica, "s3:DeleteObjectVersion", arn(`f/${path}`))).toBe(false);
    expect(allows(ofReplica, "s3:DeleteObjectVersion", arn(`r/${path}`))).toBe(true);
    for (const action of ["s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:PutObjectLegalHold"])
      expect(allows(ofReplica, action, arn(`r/${path}`))).toBe(false);
  }
});

test("retention hides nothing, undoes no lock, and deletes nothing but what jobs leave", () => {
  const policy = policyOf("retention", buckets);
  const may = (action: string, path: string): boolean => allows(policy, action, arn(path));
  expect(may("s3:DeleteObjectVersion", "d/database/daily/x/keys.pgp")).toBe(true);
  // Records have terms of their own; what keeps sets from going has none.
  expect(may("s3:DeleteObjectVersion", "d/proofs/x/1.json")).toBe(true);
  for (const kept of [
    "d/holds/x/1.json",
    "d/incident/x/begin.json",
    "d/audit/1.json",
    "d/escrow/1.json",
    "f/upkeep/done.json",
  ])
    expect(may("s3:DeleteObjectVersion", kept)).toBe(false);
  expect(may("s3:DeleteObject", "d/database/daily/x/keys.pgp")).toBe(false);
  expect(may("s3:BypassGovernanceRetention", "f/packs/x/1")).toBe(false);
  expect(may("s3:PutObject", "d/database/daily/x/manifest.json")).toBe(false);
});

test("only whoever holds sets or lifts a legal hold, and whoever may, deletes nothing", () => {
  const all = { Effect: "Allow", Action: ["s3:PutObjectLegalHold"], Resource: [arn("*")] } as const;
  // An incident's begin holds what is known to be good.
  const jobs = roles.filter((role) => !["keys", "hold", "incident"].includes(role));
  for (const role of jobs)
    expect(allows([...policyOf(role, buckets), all], all.Action[0], arn("f/packs/x/1"))).toBe(false);
  expect(allows(policyOf("keys", buckets), all.Action[0], arn("d/database/daily/x/keys.pgp"))).toBe(false);
  const hold = policyOf("hold", buckets);
  for (const path of ["d/database/daily/x/keys.pgp", "f/packs/x/1", "d/holds/x/y.json", "f/holds/x/y.json"])
    expect(allows(hold, all.Action[0], arn(path))).toBe(true);
  expect(allows(hold, "s3:PutObject", arn("d/database/daily/x/manifest.json"))).toBe(false);
  const incident = policyOf("incident", buckets);
  const deletion = { Effect: "Allow", Action: ["s3:DeleteObjectVersion"], Resource: [arn("*")] } as const;
  for (const path of ["d/database/daily/x/keys.pgp", "f/packs/x/1", "d/incident/x/begin.json"])
    expect(allows([...incident, deletion], deletion.Action[0], arn(path))).toBe(false);
  for (const path of ["d/database/daily/x/manifest.json", "d/leases/x.json"])
    expect(allows(incident, "s3:PutObject", arn(path))).toBe(false);
  // Who ends one can begin none, and writes nothing else of it.
  const restore = policyOf("restore", buckets);
  expect(allows(restore, "s3:PutObject", arn("d/incident/x/end.json"))).toBe(true);
  expect(allows(restore, "s3:PutObject", arn("d/incident/x/api.json"))).toBe(false);
});

describe("a matrix or a code that changes", () => {
  const path = "actions/lib/policy/cloud/roles.ts";

  /** The matrix, with other actions in the statement of one role. */
  function changed(role: RoleName, sid: string, change: (actions: readonly string[]) => readonly string[]): string[] {
    const statements = matrix[role].statements.map((one) =>
      one.Sid === sid ? { ...one, Action: change(one.Action) } : one,
    );
    const other: Role = { ...matrix[role], statements };
    return roleProblems(root, { ...matrix, [role]: other });
  }

  test("a right that is missing is named with its role", () =>
    expect(changed("backup", "Looks", (all) => all.filter((one) => one !== "s3:ListBucketMultipartUploads"))).toEqual([
      `${path}: backup may not: s3:ListBucketMultipartUploads.`,
    ]));

  test("a right that nobody uses is named", () =>
    expect(changed("backup", "Looks", (all) => [...all, "s3:GetObjectAcl"])).toEqual([
      `${path}: backup may, and never does: s3:GetObjectAcl.`,
    ]));

  test("a backup that begins to delete is named", () => {
    const copy = mkdtempSync(join(tmpdir(), "roles-"));
    try {
      cpSync(join(root, "actions"), join(copy, "actions"), { recursive: true });
      symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
      const lease = join(copy, "actions/lib/vault/lease/lease.ts");
      writeFileSync(
        lease,
        `import { deleteVersions } from "../s3/delete-versions.ts";\n${readFileSync(lease, "utf8")}`,
      );
      expect(roleProblems(copy)).toContain(`${path}: backup may not: s3:DeleteObjectVersion.`);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });
});
