import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { type Config, loadConfig } from "../../actions/lib/config/load.ts";
import type { PolicyInput } from "../../actions/lib/config/policy/policy.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { type KeyRole, readKeyring, type Signer } from "../../actions/lib/seal/keys/keyring.ts";
import { generateKey, readPrivateKey, type UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import type { S3Access } from "../lab/servers/s3.ts";
import { sharedPostgres } from "../lab/servers/started.ts";

const roles: readonly KeyRole[] = ["operations", "prover", "escrow", "signing"];
const passphrase = "a passphrase of the tests";

/** Four keys, a policy that pins them, a bucket: all that a backup needs beside a database. */
export interface BackupLab extends AsyncDisposable {
  readonly folder: string;
  readonly bucket: string;
  /** As the design names it, for a source. */
  env(databaseUrl: string): Record<string, string>;
  config(
    databaseUrl: string,
    change?: Record<string, string | undefined>,
  ): Promise<Config<"source" | "vault" | "signing">>;
  /** Opens what was sealed. */
  readonly operations: UnlockedKey;
  /** Opens too, and signs proofs. */
  readonly prover: UnlockedKey;
  /** Opens everything, and is offline. */
  readonly escrow: UnlockedKey;
  readonly signers: readonly Signer[];
  /** The bucket, for looking. */
  readonly vault: Vault;
  readonly publicKeys: string;
}

let buckets = 0;

export async function openBackupLab(
  s3: S3Access,
  options: { policy?: (policy: PolicyInput) => PolicyInput; lock?: boolean } = {},
): Promise<BackupLab> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-backup-test-"));
  const bucket = `backup-${process.pid}-${Date.now()}-${++buckets}`;
  await s3.createBucket(bucket, { lock: options.lock ?? true });
  const expires = new Date(Date.now() + 365 * 86_400_000);
  const made = await Promise.all(roles.map((role) => generateKey({ role, project: "lab", passphrase, expires })));
  const [operations, prover, escrow, signing] = made.map(({ fingerprint }) => fingerprint);
  const policy = labPolicy({
    recipients: { operations: operations ?? "", prover: prover ?? "", escrow: escrow ?? "" },
    signing: [signing ?? ""],
  });
  const policyPath = join(folder, "policy.json");
  await writeFile(policyPath, JSON.stringify(options.policy?.(policy) ?? policy));
  const publicKeys = made.map(({ publicArmored }) => publicArmored).join("\n");
  const env = (databaseUrl: string): Record<string, string> => ({
    PATH: process.env["PATH"] ?? "",
    HOME: process.env["HOME"] ?? "",
    DATABASE_URL: databaseUrl,
    S3_BACKUP_BUCKET: bucket,
    AWS_REGION: s3.region,
    AWS_ENDPOINT_URL: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    BACKUP_PUBLIC_KEYS: publicKeys,
    BACKUP_SIGNING_KEY: made[3]?.privateArmored ?? "",
    BACKUP_SIGNING_PASSPHRASE: passphrase,
    LIFEBOAT_POLICY: policyPath,
    LIFEBOAT_BASELINES: process.env["LIFEBOAT_BASELINES"] ?? "",
    // Without it each run would start every pg_dump of the machine to ask for its version.
    LIFEBOAT_PG_BIN: [sharedPostgres(17).binDir, sharedPostgres(15).binDir].join(delimiter),
  });
  // The SDK reads its credentials from the process's own environment.
  process.env["AWS_ACCESS_KEY_ID"] = s3.accessKeyId;
  process.env["AWS_SECRET_ACCESS_KEY"] = s3.secretAccessKey;
  const { signers } = await readKeyring(publicKeys);
  const vault = openVault(s3.bucketAccess(bucket));
  return {
    folder,
    bucket,
    env,
    config: (url, change = {}) =>
      loadConfig({ needs: ["source", "vault", "signing"], env: { ...env(url), ...change } }),
    vault,
    signers: signers.filter(({ fingerprint }) => fingerprint === signing),
    operations: await readPrivateKey(made[0]?.privateArmored ?? "", passphrase),
    prover: await readPrivateKey(made[1]?.privateArmored ?? "", passphrase),
    escrow: await readPrivateKey(made[2]?.privateArmored ?? "", passphrase),
    publicKeys,
    async [Symbol.asyncDispose]() {
      vault.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Remembers every line that anybody could read. */
export function recordingLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  const track: Log["track"] = (name) => {
    say(name);
    return { advance() {}, note: say, end: (outcome) => say(`${name} ${outcome}`) };
  };
  return {
    ...{ lines, info: say, warn: say, debug: say, track },
    group: (title, work) => {
      say(title);
      return work();
    },
  };
}

/** All that the bucket holds, newest version each. */
export async function keysIn(vault: Vault, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of vault.list(prefix)) keys.push(key);
  return keys;
}

/** Small parts, so that small databases have several; little patience, so that faults show soon. */
export function labPolicy(keys: PolicyInput["keys"]): PolicyInput {
  const tier = { retentionDays: 1, lock: "governance" } as const;
  return {
    project: { name: "lab" },
    regions: ["us-east-1"],
    tiers: { daily: tier, weekly: tier, monthly: tier },
    keys,
    backup: { smallestShareOfLastSet: 0.5, warnBeforeKeyExpiryDays: 30 },
    source: {
      ...{ jobs: 2, lockWaitSeconds: 2, yieldToDdlSeconds: 1, startOverMinutes: 0, connectionBudget: 10 },
      sliceBytes: 2 * 1024 * 1024,
    },
    vault: { partBytes: 5 * 1024 * 1024, maxParts: 10_000, readBack: true, objectLock: "required" },
    targets: { default: { env: "TARGET" } },
  };
}

export async function backUp(lab: BackupLab, databaseUrl: string, more: Partial<Parameters<typeof runBackup>[0]> = {}) {
  return runBackup({ tier: "daily", config: await lab.config(databaseUrl), log: silentLog, ...more });
}
