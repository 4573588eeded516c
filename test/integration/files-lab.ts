import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { SyncRequest, SyncResult } from "../../actions/lib/operations/sync/request.ts";
import { runSync } from "../../actions/lib/operations/sync/run-sync.ts";
import type { LabProject } from "../lab/index.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type StorageAccess, storageSettings } from "../lab/storage/index.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";

/** A vault of files beside the one of sets, with the same keys. */
export interface FilesLab extends AsyncDisposable {
  readonly sets: BackupLab;
  readonly bucket: string;
  /** What a command needs that opens snapshots. */
  readonly env: Readonly<Record<string, string>>;
  /** Copies a project's files, with the list from its database. */
  sync(project: LabProject, storage: StorageAccess, more?: Partial<SyncRequest>): Promise<SyncResult>;
}

/** Settings of a target's database and files. */
export function targetEnv(target: LabProject, storage: StorageAccess): Record<string, string> {
  return { TARGET_DATABASE_URL: target.postgresUrl, ...storageSettings(storage, "TARGET") };
}

export async function openFilesLab(): Promise<FilesLab> {
  const sets = await openBackupLab(sharedS3());
  const bucket = `${sets.bucket}-files`;
  await sharedS3().createBucket(bucket);
  const env = { ...sets.env(""), S3_STORAGE_BUCKET: bucket, RESTORE_PRIVATE_KEY: sets.operations.key.armor() };
  return {
    ...{ sets, bucket, env },
    async sync(project, storage, more = {}) {
      const settings = { ...env, DATABASE_URL: project.backupUrl, ...storageSettings(storage) };
      const needs = ["source", "storageVault", "sourceStorage", "signing"] as const;
      const config = await loadConfig({ needs, env: settings });
      return runSync({ config, tier: "daily", log: silentLog, ...more });
    },
    [Symbol.asyncDispose]: () => sets[Symbol.asyncDispose](),
  };
}
