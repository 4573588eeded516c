import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { connect } from "../../postgres/connect/connect.ts";
import type { PinnedKeys } from "../../seal/keys/pins.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type CheckRow, failed } from "./check-row.ts";
import { lookAtKeys } from "./key-rows.ts";
import { checkStorageEndpoint, checkStorageRows } from "./storage-source.ts";
import { lookAtBucket, tryBucket } from "./vault-rows.ts";

/** What a sync can start with, because it was just looked at. */
export interface StorageReady {
  readonly keys: PinnedKeys;
  readonly signing: UnlockedKey;
  /** Whether the bucket can lock objects. */
  readonly bucketLocks: boolean;
}

export interface StorageLookOptions {
  readonly config: Config<"storageVault" | "sourceStorage"> & Partial<Config<"source">>;
  readonly vault: Vault;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
  /** Buckets that the policy names; undefined: all of them. */
  readonly buckets: readonly string[] | undefined;
}

export interface StoragePreflightOptions extends StorageLookOptions {
  readonly config: StorageLookOptions["config"] & Config<"signing">;
}

/**
 * Looks at everything that a sync of the files needs: the project's endpoint, the list in its database (when there is a
 * `source`), the storage vault, the keys. Every check is made, whatever the others found. Writes nothing but a probe, and
 * that only when all else is well.
 */
export async function runStoragePreflight(
  options: StoragePreflightOptions,
): Promise<{ rows: CheckRow[]; ready: StorageReady | undefined }> {
  const { config } = options;
  const [files, keys] = await Promise.all([lookAtStorage(options), lookAtKeys(config)]);
  const rows = [...files.rows, ...keys.rows];
  const { pinned, signing } = keys;
  const good = rows.every(({ status }) => status !== "fail") && pinned !== undefined && signing !== undefined;
  return { rows, ready: good ? { keys: pinned, signing, bucketLocks: files.bucketLocks } : undefined };
}

/** The same without the keys, which a look at the database's backups has looked at already. */
export async function lookAtStorage(options: StorageLookOptions): Promise<{ rows: CheckRow[]; bucketLocks: boolean }> {
  const { config, vault } = options;
  const [endpoint, list, bucket] = await Promise.all([
    checkStorageEndpoint(config.sourceStorage),
    lookAtList(options),
    lookAtBucket(config.policy, vault, config.storageVault.region),
  ]);
  const rows = [endpoint, ...list, ...bucket.rows.map(ofFiles)];
  if (rows.every(({ status }) => status !== "fail")) rows.push(...(await tryBucket(vault)).map(ofFiles));
  return { rows, bucketLocks: bucket.locks };
}

/** The database's own bucket has rows of the same names. */
function ofFiles(row: CheckRow): CheckRow {
  return { ...row, check: `files: ${row.check}` };
}

async function lookAtList({ config, log, signal, buckets }: StorageLookOptions): Promise<CheckRow[]> {
  if (config.source === undefined) return [];
  try {
    const client = await connect(config.source, { applicationName: "lifeboat/check", log, ...(signal && { signal }) });
    try {
      return [await checkStorageRows(client, buckets)];
    } finally {
      await client.end().catch(() => {});
    }
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return [failed("files: rows", error)];
  }
}
