import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { createProject, execute, LAB_PASSWORD, type LabProject, seedQimma } from "../lab/index.ts";
import { type ArchivedPostgres, startArchivedPostgres } from "../lab/servers/archived-postgres.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type RunningStorage, seedFiles, startStorage, storageSettings } from "../lab/storage/index.ts";
import {
  addProject,
  backByLab,
  type LabBacking,
  type Project,
  type SupabaseApi,
  startSupabaseApi,
} from "../lab/supabase-api/index.ts";
import { type BackupLab, openBackupLab, recordingLog } from "./backup-lab.ts";

/** A project with files and sentinels that its log is archived of, in a simulated Supabase that really takes it back to a moment. */
export interface FailureLab extends AsyncDisposable {
  readonly sets: BackupLab;
  readonly source: LabProject;
  readonly storage: RunningStorage;
  readonly supabase: SupabaseApi;
  readonly backing: LabBacking;
  readonly production: Project;
  /** Of the vault and of the simulated Supabase, for a run that recovers. */
  readonly env: Readonly<Record<string, string>>;
  /** Another set, with its files. @returns its id */
  backUp(): Promise<string>;
  /** As cron does each minute. */
  sentinel(): Promise<void>;
  /** A moment, with a sentinel before it. @returns RFC 3339 */
  moment(): Promise<string>;
  /** Projects that recoveries have made, oldest first. */
  made(): Project[];
}

const region = "us-east-1";

/** @param planBAfterMinutes as in the policy: the lab's Supabase is so much quicker than the real one */
export async function openFailureLab(planBAfterMinutes = 0.9): Promise<FailureLab> {
  await using opened = new AsyncDisposableStack();
  const checks = [
    { kind: "sql", name: "people are there", query: "select count(*) > 0 from auth.users", expect: { value: true } },
  ] as const;
  const recovery = { organization: "org", region, planBAfterMinutes, checks: [...checks] };
  const sets = opened.use(await openBackupLab(sharedS3(), { policy: (policy) => ({ ...policy, recovery }) }));
  const filesBucket = `${sets.bucket}-files`;
  await sharedS3().createBucket(filesBucket);
  const archive: ArchivedPostgres = opened.use(await startArchivedPostgres(17));
  const source = await createProject(archive.running.superuserUrl(), "production");
  await seedQimma(source.postgresUrl, { bytes: 200_000, seed: 5 });
  const files = await mkdtemp(join(tmpdir(), "lifeboat-files-"));
  opened.defer(() => rm(files, { recursive: true, force: true }));
  const storage = opened.use(await startStorage(source, { folder: files }));
  await seedFiles(source, storage, { count: 20, bytes: 100_000, seed: 4 });
  await execute(source.postgresUrl, `select cron.schedule('nightly', '0 3 * * *', 'select 1')`);

  const others: RunningPostgres = await startPostgres(17);
  opened.defer(() => others.stop());
  const supabase = opened.use(await startSupabaseApi({ pace: 20 }));
  supabase.world.limit = 100_000;
  const backing = await backByLab(supabase.world, others.superuserUrl());
  const production = addProject(supabase.world, { name: "production", region, createdAt: Date.now() - 3_600_000 });
  Object.assign(production.addons, { compute: "ci_small", pitr: "pitr_7" });
  await backing.adopt(production, source, { archive, files });
  const { host, port } = await backing.address(production);
  const env = {
    ...sets.env(`postgresql://lifeboat_backup.${production.ref}:${LAB_PASSWORD}@${host}:${port}/postgres`),
    ...storageSettings(storage),
    ...{ S3_STORAGE_BUCKET: filesBucket, RESTORE_PRIVATE_KEY: sets.operations.key.armor() },
    ...{ SUPABASE_PROJECT_REF: production.ref, SUPABASE_ACCESS_TOKEN: supabase.token },
    ...{ SUPABASE_API_URL: supabase.url, SUPABASE_PROJECT_URL: supabase.projectUrl },
    ...{ SUPABASE_STATUS_URL: "http://127.0.0.1:1", XDG_STATE_HOME: sets.folder },
  };
  const sentinels = new URL("../../runbooks/sql/sentinels.sql", import.meta.url);
  await execute(source.postgresUrl, await readFile(sentinels, "utf8"));
  await archive.keepBase();
  const closing = opened.move();
  const sentinel = () => execute(source.postgresUrl, "select lifeboat.write_sentinel()");
  return {
    ...{ sets, source, storage, supabase, backing, production, env, sentinel },
    async backUp() {
      const needs = ["source", "vault", "storageVault", "sourceStorage", "signing"] as const;
      const config = await loadConfig({ needs, env });
      const log = recordingLog();
      return (await runBackup({ config, tier: "daily", log, files: { config, log } })).set;
    },
    async moment() {
      await sentinel();
      await sleep(1200);
      const at = new Date(Math.floor(Date.now() / 1000) * 1000);
      await sleep(1200);
      return at.toISOString().replace(".000Z", "Z");
    },
    made: () => [...supabase.world.projects.values()].filter(({ ref }) => ref !== production.ref),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}
