import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { PolicyInput } from "../../actions/lib/config/policy/policy.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import type { Told } from "../../actions/lib/operations/operation.ts";
import recover from "../../actions/lib/operations/recover/operation.ts";
import { createProject, execute, type LabProject, type QimmaSeed, seedQimma, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type RunningStorage, seedFiles, startStorage, storageSettings } from "../lab/storage/index.ts";
import {
  addProject,
  backByLab,
  configure,
  type LabBacking,
  type Project,
  type SupabaseApi,
  startSupabaseApi,
} from "../lab/supabase-api/index.ts";
import { type BackupLab, openBackupLab, recordingLog } from "./backup-lab.ts";

/** A project with files, backed up, and lost; and a Supabase in which another can be made, on a server of its own. */
export interface LossLab extends AsyncDisposable {
  readonly sets: BackupLab;
  readonly source: LabProject;
  /** Folder of the project's migrations: those of its history, and one that came later. */
  readonly migrations: string;
  /** Where projects are made. */
  readonly cluster: RunningPostgres;
  readonly supabase: SupabaseApi;
  readonly backing: LabBacking;
  /** The project that will be lost, as the simulated Supabase has it: configured in everything that there is. */
  readonly production: Project;
  /** Of the vault and of the simulated Supabase, for a run that recovers. */
  readonly env: Readonly<Record<string, string>>;
  readonly filesBucket: string;
  /** A copy of the policy with this changed. @returns its path */
  policyWith(change: object): Promise<string>;
  /** Another set, with its files. @returns its id */
  backUp(): Promise<string>;
  /** `lifeboat recover`, as an edge calls it. */
  recover(inputs: Record<string, unknown>, more?: RunOptions): Promise<Recovered>;
  /** The projects that recoveries have made. */
  made(): Project[];
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

export interface Recovered {
  readonly told: Told;
  readonly lines: readonly string[];
}

export interface LossOptions {
  readonly rows?: QimmaSeed;
  readonly files?: { readonly count: number; readonly bytes: number; readonly seed: number };
  readonly policy?: (policy: PolicyInput) => PolicyInput;
}

const region = "us-east-1";
let policies = 0;

export async function openLossLab(name: string, options: LossOptions = {}): Promise<LossLab> {
  const closing = new AsyncDisposableStack();
  const policy = (given: PolicyInput): PolicyInput => {
    const checks = [peopleAreThere];
    const recovery = { organization: "org", region, checks, handOver: ["Tell the schools."] };
    const changed = { ...given, regions: [region, "eu-central-1"], recovery };
    return options.policy?.(changed) ?? changed;
  };
  const sets = closing.use(await openBackupLab(sharedS3(), { policy }));
  const filesBucket = `${sets.bucket}-files`;
  await sharedS3().createBucket(filesBucket);
  const source = await createProject(sharedPostgres(17).superuserUrl(), name);
  await seedQimma(source.postgresUrl, options.rows ?? { bytes: 200_000, seed: 5 });
  const migrations = await migrationFolder(sets.folder, source);
  const storage: RunningStorage = closing.use(await startStorage(source));
  await seedFiles(source, storage, options.files ?? { count: 30, bytes: 300_000, seed: 4 });

  const cluster: RunningPostgres = await startPostgres(17);
  closing.defer(() => cluster.stop());
  const supabase = closing.use(await startSupabaseApi({ pace: 100 }));
  supabase.world.limit = 1_000_000;
  const backing = await backByLab(supabase.world, cluster.superuserUrl());

  const production = addProject(supabase.world, { name: "production", region });
  configure(production, Date.now());

  const env: Record<string, string> = {
    ...sets.env(""),
    SUPABASE_PROJECT_REF: production.ref,
    ...{ S3_STORAGE_BUCKET: filesBucket, RESTORE_PRIVATE_KEY: sets.operations.key.armor(), DATABASE_URL: "" },
    ...{ SUPABASE_ACCESS_TOKEN: supabase.token, SUPABASE_API_URL: supabase.url },
    ...{ SUPABASE_PROJECT_URL: supabase.projectUrl, XDG_STATE_HOME: sets.folder },
  };
  const lab: LossLab = {
    ...{ sets, source, migrations, cluster, supabase, backing, production, env, filesBucket },
    async policyWith(change) {
      const policy: object = JSON.parse(await readFile(String(env["LIFEBOAT_POLICY"]), "utf8"));
      const path = join(sets.folder, `policy-${++policies}.json`);
      await writeFile(path, JSON.stringify({ ...policy, ...change }));
      return path;
    },
    async backUp() {
      const settings = { ...env, ...sets.env(source.backupUrl), ...storageSettings(storage) };
      const needs = ["source", "vault", "storageVault", "sourceStorage", "signing"] as const;
      const config = await loadConfig({ needs, env: settings });
      const log = recordingLog();
      return (await runBackup({ config, tier: "daily", log, files: { config, log } })).set;
    },
    async recover(inputs, { env: more = {}, signal = new AbortController().signal } = {}) {
      const log = recordingLog();
      const read = recover.inputs.parse(inputs);
      recover.refuse?.(read);
      try {
        const told = await runOperation(recover, read, { env: { ...env, ...more }, log, signal });
        return { told, lines: log.lines };
      } catch (error) {
        // What a failing test shows.
        if (error instanceof Error) Object.assign(error, { lines: log.lines });
        throw error;
      }
    },
    made: () => [...supabase.world.projects.values()].filter(({ ref }) => ref !== production.ref),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
  return lab;
}

const peopleAreThere = {
  kind: "sql",
  name: "people are there",
  query: "select count(*) from auth.users",
  expect: { min: 1 },
  timeoutSeconds: 30,
} as const;

/** Of the seed, as its history has them, and `later`, which no set knows. */
async function migrationFolder(parent: string, source: LabProject): Promise<string> {
  await execute(
    source.superuserUrl,
    "update supabase_migrations.schema_migrations set name = 'one', statements = '{select 1}' where statements is null",
  );
  const { rows } = await withClient(source.superuserUrl, (client) =>
    client.query("select version, name, statements from supabase_migrations.schema_migrations"),
  );
  const folder = join(parent, "migrations");
  await mkdir(folder);
  for (const { version, name, statements } of rows)
    await writeFile(join(folder, `${version}_${name}.sql`), statements.map((one: string) => `${one};\n`).join(""));
  await writeFile(join(folder, "20261101000000_later.sql"), "create table public.came_later (id int primary key);\n");
  return folder;
}
