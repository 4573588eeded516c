import type { Client } from "pg";
import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import { defaultRetryPolicy } from "../../base/flow/retry.ts";
import type { Log } from "../../base/log.ts";
import { few } from "../../base/measures.ts";
import type { ProjectStorage } from "../../config/environment.ts";
import type { Config } from "../../config/load.ts";
import { connect } from "../../postgres/connect/connect.ts";
import { StoreFailure, saidIn } from "../../s3/store-errors.ts";
import type { PinnedKeys } from "../../seal/keys/pins.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { openProjectFiles } from "../../storage/project-files.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type CheckRow, checkKeysSet, fail, failed, ok, warn } from "./check-row.ts";
import { checkBucket, checkReplicaPlace, tryBucket } from "./vault-rows.ts";

/** What a sync can start with, because it was just looked at. */
export interface StorageReady {
  readonly keys: PinnedKeys;
  readonly signing: UnlockedKey;
  /** Whether the bucket can lock objects. */
  readonly bucketLocks: boolean;
}

export interface StorageCheckOptions {
  readonly config: Config<"storageVault" | "sourceStorage"> & Partial<Config<"source">>;
  readonly vault: Vault;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
  /** Buckets that the policy names; undefined: all of them. */
  readonly buckets: readonly string[] | undefined;
}

export interface StoragePreflightOptions extends StorageCheckOptions {
  readonly config: StorageCheckOptions["config"] & Config<"signing">;
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
  const [files, replica, keys] = await Promise.all([
    checkStorage(options),
    checkReplicaPlace(config),
    checkKeysSet(config),
  ]);
  const rows = [...files.rows, ...replica, ...keys.rows];
  const { pinned, signing } = keys;
  const good = rows.every(({ status }) => status !== "fail") && pinned !== undefined && signing !== undefined;
  return { rows, ready: good ? { keys: pinned, signing, bucketLocks: files.bucketLocks } : undefined };
}

/** The same without the keys, which a look at the database's backups has looked at already. */
export async function checkStorage(options: StorageCheckOptions): Promise<{ rows: CheckRow[]; bucketLocks: boolean }> {
  const { config, vault } = options;
  const [endpoint, list, bucket] = await Promise.all([
    checkStorageEndpoint(config.sourceStorage),
    checkList(options),
    checkBucket(config.policy, vault, config.storageVault.region),
  ]);
  const rows = [endpoint, ...list, ...bucket.rows.map(ofFiles)];
  if (rows.every(({ status }) => status !== "fail")) rows.push(...(await tryBucket(vault)).map(ofFiles));
  return { rows, bucketLocks: bucket.locks };
}

/** The database's own bucket has rows of the same names. */
export function ofFiles(row: CheckRow): CheckRow {
  return { ...row, check: `files: ${row.check}` };
}

async function checkList({ config, log, signal, buckets }: StorageCheckOptions): Promise<CheckRow[]> {
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

/** Fewer attempts than a transfer: somebody waits for the table. */
const retry = { ...defaultRetryPolicy, attempts: 3, totalSeconds: 20, stallSeconds: 10 };

/** Whether the endpoint of the project's files lets us in, and whether a bucket can be listed. */
export async function checkStorageEndpoint(storage: ProjectStorage): Promise<CheckRow> {
  using files = openProjectFiles(storage, { side: "source", retry });
  try {
    const buckets = await files.buckets();
    const first = buckets[0];
    if (first !== undefined) await files.assertListed(first);
    return ok("files: endpoint", `answers, with ${buckets.length} buckets`);
  } catch (error) {
    if (!(error instanceof StoreFailure)) return failed("files: endpoint", error);
    const said = saidIn(error.answer);
    const how = error.answer.status === undefined ? `cannot be reached: ${said}` : `answers ${said}`;
    return fail(
      "files: endpoint",
      how,
      `Check ${storage.prefix}_STORAGE_ENDPOINT, and that the project is not paused.`,
    );
  }
}

const relationsSchema = z.array(z.object({ relation: z.string(), readable: z.boolean() }));
const namesSchema = z.array(z.object({ name: z.string() }));

/**
 * Whether the role can read the list of files, and whether the buckets that the policy names are there.
 * @param wanted names of buckets; undefined: all that there are
 */
export async function checkStorageRows(client: Client, wanted: readonly string[] | undefined): Promise<CheckRow> {
  const { rows: relations } = await client.query(
    `select c.relname as relation, has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT') as readable
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'storage' and c.relname in ('buckets', 'objects') and c.relkind in ('r', 'p')`,
  );
  const found = relationsSchema.parse(relations);
  if (found.length < 2) {
    const next = "Take DATABASE_URL of the Supabase project whose Storage holds the files.";
    return fail("files: rows", "the database has no storage.objects", next);
  }
  if (found.some(({ readable }) => !readable)) {
    const next = "Use the backup role of runbooks/sql/backup-role.sql, or grant it: GRANT pg_read_all_data TO <role>.";
    return fail("files: rows", "the role may not read storage.objects and storage.buckets", next);
  }
  const { rows } = await client.query("select id as name from storage.buckets");
  const there = new Set(namesSchema.parse(rows).map(({ name }) => name));
  const missing = (wanted ?? []).filter((name) => !there.has(name));
  if (missing.length > 0) {
    const next = "Correct the buckets in the policy, or find out who removed them.";
    return fail("files: rows", `the policy names buckets that are not there: ${few(missing, 30)}`, next);
  }
  const count = wanted?.length ?? there.size;
  if (count === 0) return warn("files: rows", "there is no bucket", "Nothing is copied until there is one.");
  return ok("files: rows", `can be read, of ${count} buckets`);
}
