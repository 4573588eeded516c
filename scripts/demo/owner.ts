import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allRoles, generateKeys } from "../../actions/lib/operations/keys/generate.ts";
import qimma from "../../lifeboat.config.ts";
import type { S3Facts } from "../../test/lab/servers/s3.ts";

/** What the owner of the demo's project has: keys, a policy that pins them, a vault, and the settings that say so. */
export interface Owner {
  readonly folder: string;
  /** The settings, by the names that every command of Lifeboat reads. */
  readonly settings: Readonly<Record<string, string>>;
  readonly fingerprints: readonly string[];
}

export const bucket = "qimma-vault";
export const filesBucket = "qimma-vault-files";

/** Ref of the project that the demo's restore test empties. */
export const stagingRef = "qimma-staging";

/**
 * @param folder an empty one that only we may read; keys and policy go there
 * @param change of Qimma's policy
 */
export async function becomeOwner(
  folder: string,
  s3: S3Facts,
  change: Readonly<Record<string, unknown>> = {},
): Promise<Owner> {
  const keys = join(folder, "private-keys");
  const checkout = join(folder, "checkout");
  for (const path of [keys, checkout]) mkdirSync(path, { mode: 0o700 });
  const pins = { recipients: { operations: null, prover: null, escrow: null }, signing: [] };
  const made = await generateKeys({
    roles: allRoles,
    project: qimma.project.name,
    repository: checkout,
    out: keys,
    pins,
    env: {},
  });
  const restoreTest = { ...qimma.restoreTest, projectRef: stagingRef };
  const policy = join(folder, "policy.json");
  const changed = { ...qimma, regions: [s3.region], ...change, keys: made.pins, restoreTest };
  writeFileSync(policy, JSON.stringify(changed, null, 2));
  const publicKeys = join(folder, "public-keys.asc");
  writeFileSync(publicKeys, made.keys.map(({ publicFile }) => readFileSync(publicFile, "utf8")).join("\n"));
  const secret = (name: string): string => readFileSync(join(keys, name), "utf8").trim();
  return {
    folder,
    fingerprints: made.keys.map(({ role, fingerprint }) => `${role} ${fingerprint}`),
    settings: {
      LIFEBOAT_POLICY: policy,
      S3_BACKUP_BUCKET: bucket,
      S3_STORAGE_BUCKET: filesBucket,
      AWS_ENDPOINT_URL: s3.endpoint,
      AWS_REGION: s3.region,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      BACKUP_PUBLIC_KEYS: publicKeys,
      BACKUP_SIGNING_KEY: secret("signing.private.asc"),
      BACKUP_SIGNING_PASSPHRASE: secret("signing.passphrase"),
      RESTORE_PRIVATE_KEY: secret("operations.private.asc"),
      RESTORE_PASSPHRASE: secret("operations.passphrase"),
    },
  };
}
