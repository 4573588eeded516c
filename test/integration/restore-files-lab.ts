import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { Secret } from "../../actions/lib/config/problems.ts";
import type { FilesResult } from "../../actions/lib/operations/restore-files/files-result.ts";
import { type FilesTask, restoreFiles } from "../../actions/lib/operations/restore-files/restore-files.ts";
import { everyFile } from "../../actions/lib/operations/restore-files/selection.ts";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";
import { openProjectFiles } from "../../actions/lib/storage/project-files.ts";
import { createProject, dropProject, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { type RunningStorage, seedFiles, startStorage } from "../lab/storage/index.ts";
import { recordingLog } from "./backup-lab.ts";
import { snapshotOf } from "./memory-snapshot.ts";

export const superuserUrl = sharedPostgres(17).superuserUrl();

/** A project with 60 files and what a snapshot would list of them, and a target to restore them into, new for each test. */
export interface RestoreFilesLab extends AsyncDisposable {
  readonly source: LabProject;
  readonly sourceStorage: RunningStorage;
  readonly snapshot: Awaited<ReturnType<typeof snapshotOf>>;
  readonly target: LabProject;
  readonly storage: RunningStorage;
  readonly log: ReturnType<typeof recordingLog>;
  newTarget(): Promise<void>;
  /** @param access other settings of the target's storage than the right ones */
  restore(change?: Partial<FilesTask>, access?: Partial<RunningStorage>): Promise<FilesResult>;
  /** Files that the target's storage took, in the order of their arrival. */
  sentKeys(): string[];
}

export async function openRestoreFilesLab(): Promise<RestoreFilesLab> {
  const source = await openSide(`files_source_${process.pid}`);
  await seedFiles(source.project, source.storage, { count: 60, bytes: 600_000, seed: 5 });
  const snapshot = await snapshotOf(source.project, source.storage);
  const log = recordingLog();
  let targets = 0;
  let side = await openSide(`files_target_${process.pid}`);
  return {
    ...{ source: source.project, sourceStorage: source.storage, snapshot, log },
    get target() {
      return side.project;
    },
    get storage() {
      return side.storage;
    },
    async newTarget() {
      snapshot.opened.length = 0;
      await closeSide(side);
      side = await openSide(`files_target_${process.pid}_${++targets}`);
    },
    async restore(change = {}, access = {}) {
      const { endpoint, region, accessKeyId, secretAccessKey } = { ...side.storage, ...access };
      const settings = {
        endpoint,
        region,
        accessKeyId,
        secretAccessKey: new Secret(secretAccessKey),
        prefix: "TARGET",
      };
      using files = openProjectFiles(settings, { side: "target", retry: { attempts: 8, baseMillis: 2 } });
      const url = parseConnectionUrl(side.project.postgresUrl, undefined);
      return await restoreFiles({
        ...{ snapshot, choice: everyFile, targetName: "default", prefix: "TARGET", target: files, overwrite: false },
        connect: () => connect(url, { applicationName: "lifeboat/test" }),
        ...{ sample: undefined, readAllBytes: 1e9, width: 8, dryRun: false, log },
        ...change,
      });
    },
    sentKeys: () =>
      side.storage.answered
        .filter(({ operation, status }) => operation === "PutObject" && status === 200)
        .map(({ key }) => key),
    async [Symbol.asyncDispose]() {
      await closeSide(side);
      await closeSide(source);
    },
  };
}

async function openSide(name: string) {
  const project = await createProject(superuserUrl, name);
  return { project, storage: await startStorage(project) };
}

async function closeSide({ project, storage }: Awaited<ReturnType<typeof openSide>>): Promise<void> {
  await storage.stop();
  await dropProject(superuserUrl, project.name);
}

/** All that the project tells of its files, and their bytes as the endpoint's folder has them. */
export async function state(project: LabProject, server: RunningStorage) {
  const rows = await withClient(project.superuserUrl, (client) =>
    client.query(`select bucket_id, name, version, owner_id, user_metadata, created_at, updated_at,
      metadata - 'lastModified' as metadata from storage.objects order by bucket_id, name collate "C"`),
  );
  const found = [];
  for (const { version, ...row } of rows.rows) {
    const file = await server.files.find(version);
    const { contentType, cacheControl } = file?.carried ?? {};
    found.push({ ...row, bytes: file?.bytes, contentType, cacheControl });
  }
  return found;
}

export async function buckets(project: LabProject) {
  const found = await withClient(project.superuserUrl, (client) =>
    client.query("select * from storage.buckets order by id"),
  );
  return found.rows;
}
