import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askedBy, roleProblems } from "../../scripts/check/role-actions.ts";
import { allows, policyOf, roles } from "../../scripts/check/role-policies.ts";

const root = new URL("../..", import.meta.url).pathname;
const buckets = { database: "d", files: "f" };
const arn = (path: string): string => `arn:aws:s3:::${path}`;

test("each role may do what its code asks of the vault, and nothing else", () =>
  expect(roleProblems(root)).toEqual([]));

test("retention and whoever changes the recipients of keys reach deletion, and nobody else", () => {
  const deleting = roles.filter((role) => askedBy(root, role).has("s3:DeleteObjectVersion"));
  expect(deleting).toEqual(["retention", "replica-retention", "keys"]);
});

test.each(roles.filter((role) => !["retention", "replica-retention", "keys"].includes(role)))(
  "%s can delete, hide and unlock nothing, whatever else it is given",
  (role) => {
    const ofObjects = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"];
    const ofBuckets = ["s3:PutBucketVersioning", "s3:PutBucketObjectLockConfiguration", "s3:PutLifecycleConfiguration"];
    const all = { effect: "Allow", actions: [...ofObjects, ...ofBuckets], resources: [arn("*")] } as const;
    const policy = [...policyOf(root, role, buckets), all];
    const objects = ["d/database/daily/x/manifest.json", "f/packs/x/1", "d/leases/x"].map(arn);
    expect(ofObjects.flatMap((action) => objects.filter((one) => allows(policy, action, one)))).toEqual([]);
    expect(ofBuckets.flatMap((action) => ["d", "f"].filter((one) => allows(policy, action, arn(one))))).toEqual([]);
  },
);

test("neither retention can delete anything on the other's side, whatever else it is given", () => {
  const all = { effect: "Allow", actions: ["s3:DeleteObjectVersion"], resources: [arn("d/*"), arn("f/*")] } as const;
  const three = { database: "d", files: "f", replica: "r" };
  const ofVault = policyOf(root, "retention", three);
  const ofReplica = [...policyOf(root, "replica-retention", three), all];
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
  const policy = policyOf(root, "retention", buckets);
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
  const all = { effect: "Allow", actions: ["s3:PutObjectLegalHold"], resources: [arn("*")] } as const;
  // An incident's begin holds what is known to be good.
  const jobs = roles.filter((role) => role !== "keys" && role !== "hold" && role !== "incident");
  for (const role of jobs)
    expect(allows([...policyOf(root, role, buckets), all], all.actions[0], arn("f/packs/x/1"))).toBe(false);
  expect(allows(policyOf(root, "keys", buckets), all.actions[0], arn("d/database/daily/x/keys.pgp"))).toBe(false);
  const hold = policyOf(root, "hold", buckets);
  for (const path of ["d/database/daily/x/keys.pgp", "f/packs/x/1", "d/holds/x/y.json", "f/holds/x/y.json"])
    expect(allows(hold, all.actions[0], arn(path))).toBe(true);
  expect(allows(hold, "s3:PutObject", arn("d/database/daily/x/manifest.json"))).toBe(false);
  const incident = policyOf(root, "incident", buckets);
  const deletion = { effect: "Allow", actions: ["s3:DeleteObjectVersion"], resources: [arn("*")] } as const;
  for (const path of ["d/database/daily/x/keys.pgp", "f/packs/x/1", "d/incident/x/begin.json"])
    expect(allows([...incident, deletion], deletion.actions[0], arn(path))).toBe(false);
  for (const path of ["d/database/daily/x/manifest.json", "d/leases/x.json"])
    expect(allows(incident, "s3:PutObject", arn(path))).toBe(false);
  // Who ends one can begin none, and writes nothing else of it.
  const restore = policyOf(root, "restore", buckets);
  expect(allows(restore, "s3:PutObject", arn("d/incident/x/end.json"))).toBe(true);
  expect(allows(restore, "s3:PutObject", arn("d/incident/x/api.json"))).toBe(false);
});

describe("a template or a code that changes", () => {
  let copy: string;
  const template = "scripts/provision/roles.yml";
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), "roles-"));
    for (const folder of ["actions", "scripts"]) cpSync(join(root, folder), join(copy, folder), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  function changed(path: string, change: (text: string) => string): string[] {
    const before = readFileSync(join(copy, path), "utf8");
    const after = change(before);
    expect(after).not.toBe(before);
    writeFileSync(join(copy, path), after);
    try {
      return roleProblems(copy);
    } finally {
      writeFileSync(join(copy, path), before);
    }
  }

  test("a right that is missing is named with its role", () => {
    const problems = changed(template, (text) => text.replace(/ +- s3:ListBucketMultipartUploads\n/, ""));
    expect(problems).toEqual([`${template}: backup may not: s3:ListBucketMultipartUploads.`]);
  });

  test("a right that nobody uses is named", () => {
    const problems = changed(template, (text) =>
      text.replace("- s3:GetObject\n", "- s3:GetObject\n              - s3:GetObjectAcl\n"),
    );
    expect(problems).toContain(`${template}: backup may, and never does: s3:GetObjectAcl.`);
  });

  test("a backup that begins to delete is named", () => {
    const problems = changed(
      "actions/lib/vault/lease/lease.ts",
      (text) => `import { deleteVersions } from "../s3/delete-versions.ts";\n${text}`,
    );
    expect(problems).toContain(`${template}: backup may not: s3:DeleteObjectVersion.`);
  });
});
