import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type RoleName, roleNames, roles, statementsOf } from "../../actions/lib/policy/cloud/roles.ts";
import { isFile } from "./code-owners.ts";

const operations = "actions/lib/operations/";
const edge = "actions/lib/edge/action.ts";

/** Where each role's work begins. */
const entries: Readonly<Partial<Record<RoleName, readonly string[]>>> = {
  backup: [
    edge,
    `${operations}backup/run-backup.ts`,
    `${operations}sync/run-sync.ts`,
    `${operations}sync/divided-run.ts`,
    `${operations}kit/build.ts`,
  ],
  proving: [
    edge,
    `${operations}test-restore/run-restore-test.ts`,
    `${operations}verify/verify.ts`,
    `${operations}verify/files/verify-files.ts`,
  ],
  drill: [edge, `${operations}drill/run-drill.ts`],
  restore: [
    edge,
    `${operations}restore/run-restore.ts`,
    `${operations}restore-files/run-restore-files.ts`,
    `${operations}thaw/thaw-set.ts`,
    `${operations}prove/run-prove.ts`,
    `${operations}incident/end.ts`,
    `${operations}repair/run/run-repair.ts`,
    `${operations}recover/complete-loss/run.ts`,
  ],
  incident: [edge, `${operations}incident/begin.ts`],
  retention: [edge, `${operations}retention/apply-retention.ts`],
  "replica-retention": [edge, `${operations}retention/apply-replica.ts`],
  monitor: [edge, `${operations}publish/operation.ts`, `${operations}monitor/operation.ts`],
  keys: [`${operations}keys/rewrap.ts`, "actions/lib/vault/s3/client.ts"],
  hold: [`${operations}hold/run-hold.ts`, `${operations}release/run-release.ts`, "actions/lib/vault/s3/client.ts"],
  escrow: [`${operations}escrow/run-put.ts`, `${operations}escrow/run-list.ts`, "actions/lib/vault/s3/client.ts"],
};

/** What each command of S3's API asks for (Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"). */
const actionsOf: Readonly<Record<string, readonly string[]>> = {
  AbortMultipartUpload: ["s3:AbortMultipartUpload"],
  CompleteMultipartUpload: ["s3:PutObject"],
  CreateMultipartUpload: ["s3:PutObject"],
  DeleteObjects: ["s3:DeleteObjectVersion"], // always by version
  GetBucketLifecycleConfiguration: ["s3:GetLifecycleConfiguration"],
  GetBucketAccelerateConfiguration: ["s3:GetAccelerateConfiguration"],
  GetBucketEncryption: ["s3:GetEncryptionConfiguration"],
  GetBucketLocation: ["s3:GetBucketLocation"],
  GetBucketNotificationConfiguration: ["s3:GetBucketNotification"],
  GetBucketOwnershipControls: ["s3:GetBucketOwnershipControls"],
  GetBucketPolicy: ["s3:GetBucketPolicy"],
  GetBucketReplication: ["s3:GetReplicationConfiguration"],
  GetBucketTagging: ["s3:GetBucketTagging"],
  GetBucketVersioning: ["s3:GetBucketVersioning"],
  GetPublicAccessBlock: ["s3:GetBucketPublicAccessBlock"],
  GetObject: ["s3:GetObject", "s3:GetObjectVersion"],
  GetObjectLegalHold: ["s3:GetObjectLegalHold"],
  GetObjectLockConfiguration: ["s3:GetBucketObjectLockConfiguration"],
  GetObjectRetention: ["s3:GetObjectRetention"],
  GetObjectTagging: ["s3:GetObjectTagging"],
  HeadBucket: ["s3:ListBucket"],
  HeadObject: ["s3:GetObject", "s3:GetObjectRetention", "s3:GetObjectVersion"], // the lock is told to whoever may ask for it
  ListMultipartUploads: ["s3:ListBucketMultipartUploads"],
  ListObjectsV2: ["s3:ListBucket"],
  ListObjectVersions: ["s3:ListBucketVersions"],
  PutObject: ["s3:PutObject"],
  PutObjectLegalHold: ["s3:PutObjectLegalHold"],
  PutObjectRetention: ["s3:PutObjectRetention"],
  PutObjectTagging: ["s3:PutObjectTagging"],
  RestoreObject: ["s3:RestoreObject"],
  UploadPart: ["s3:PutObject"],
};

/** And of the account's other services: there each command is called as its action is. */
const services: Readonly<Record<string, string>> = { identity: "iam", alarm: "cloudwatch", rule: "events" };

/** Of a bucket, the daily summary and the reports ask for its lock alone. */
const ofPreflight = ["s3:GetBucketVersioning"];
/** What a role's files could ask for and never do: a file is reached whole, and these roles use another part of it. */
const neverAsked: Readonly<Partial<Record<RoleName, readonly string[]>>> = {
  restore: [...ofPreflight, "s3:ListBucketMultipartUploads", "s3:PutObjectTagging"], // it uploads, and neither tidies up nor tags
  incident: ofPreflight,
  monitor: ["s3:GetObjectTagging", "s3:PutObjectRetention", "s3:PutObjectTagging"], // it reads a bucket's rules, and tags nothing
  hold: ofPreflight,
  escrow: ["s3:GetObjectLegalHold", ...ofPreflight],
  retention: ["s3:PutObjectTagging"], // it ends uploads, and makes none
  "replica-retention": ["s3:PutObjectTagging"],
};

/** By an option of a command. */
const alsoAsked: Readonly<Partial<Record<RoleName, readonly string[]>>> = {
  // New keys are stored under the lock of the old ones; the entry in the audit trail, which is the edge's, is locked too.
  keys: ["s3:GetBucketObjectLockConfiguration", "s3:PutObjectRetention"],
};

const matrix = "actions/lib/policy/cloud/roles.ts";

/**
 * Where the matrix and the code disagree: what a role's code asks for and may not, and what it may and never asks for.
 * @param given what the matrix says; another one in tests
 */
export function roleProblems(root: string, given: typeof roles = roles): string[] {
  // A role whose work is not built yet is judged by its matrix alone.
  return roleNames
    .filter((role) => entries[role] !== undefined)
    .flatMap((role) => {
      const allowing = statementsOf(given[role]).filter(({ Effect }) => Effect === "Allow");
      const granted = new Set(allowing.flatMap(({ Action }) => Action));
      const asked = askedBy(root, role);
      const of = (what: string, why: string): string => `${matrix}: ${role} ${what}: ${why}.`;
      return [
        ...[...asked].filter((action) => !granted.has(action)).map((action) => of("may not", action)),
        ...[...granted].filter((action) => !asked.has(action)).map((action) => of("may, and never does", action)),
      ];
    });
}

/** What the code of a role asks of the vault, by every file that it reaches. */
export function askedBy(root: string, role: RoleName): Set<string> {
  const reached = new Set<string>();
  for (const entry of entries[role] ?? []) follow(root, entry, reached);
  const asked = new Set(alsoAsked[role]);
  for (const path of reached) {
    const service = services[/^actions\/lib\/aws\/(\w+)\.ts$/.exec(path)?.[1] ?? ""];
    if (!path.startsWith("actions/lib/vault/") && service === undefined) continue;
    const text = readFileSync(join(root, path), "utf8");
    for (const [, command = ""] of text.matchAll(/\bnew (\w+)Command\(/g)) {
      const actions = service === undefined ? actionsOf[command] : [`${service}:${command}`];
      if (actions === undefined)
        throw new Error(`${path}: nobody has said what ${command} asks for (role-actions.ts).`);
      for (const action of actions) asked.add(action);
    }
    if (/^\s*Tagging: /m.test(text)) asked.add("s3:PutObjectTagging");
  }
  for (const action of neverAsked[role] ?? []) {
    if (!asked.delete(action)) throw new Error(`role-actions.ts: ${role} does not reach ${action} any more.`);
  }
  return asked;
}

/** Imports of values: what a type alone names is never called. */
const leads = /^(?:import|export) (?!type\b)[^;"]*?\bfrom "(\.{1,2}\/[^"]+)";|\bimport\("(\.{1,2}\/[^"]+)"\)/gms;

/**
 * Every file whose code a file leads to, itself included.
 * @param except what is not looked into
 */
export function filesReachedFrom(root: string, path: string, except: readonly string[] = []): Set<string> {
  const reached = new Set(except);
  follow(root, path, reached);
  for (const one of except) reached.delete(one);
  return reached;
}

function follow(root: string, path: string, reached: Set<string>): void {
  if (reached.has(path)) return;
  if (!isFile(root, path)) throw new Error(`role-actions.ts: there is no ${path}.`);
  reached.add(path);
  for (const [, from, dynamic] of readFileSync(join(root, path), "utf8").matchAll(leads)) {
    const next = relative(root, join(root, dirname(path), from ?? dynamic ?? ""));
    if (isFile(root, next)) follow(root, next, reached);
  }
}
