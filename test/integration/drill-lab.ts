import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { PolicyInput } from "../../actions/lib/config/policy/policy.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { type DrillReport, isReport } from "../../actions/lib/operations/drill/result.ts";
import { type DrillRequest, runDrill } from "../../actions/lib/operations/drill/run-drill.ts";
import { provenBy } from "../../actions/lib/vault/configured.ts";
import { readProofs } from "../../actions/lib/vault/sets/proof-store.ts";
import { createProject, dropProject, type LabProject, seedQimma } from "../lab/index.ts";
import { replicate } from "../lab/replicate.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { seedFiles, startStorage, storageSettings } from "../lab/storage/index.ts";
import {
  addProject,
  addToken,
  backByLab,
  configure,
  type Project,
  type SupabaseApi,
  startSupabaseApi,
} from "../lab/supabase-api/index.ts";
import { type BackupLab, openBackupLab, recordingLog } from "./backup-lab.ts";
import { stagingRef } from "./restore-test-lab.ts";

/** A run of the lab, by nobody's schedule. */
const run = {
  ...{ workflow: "lab", runId: "1", attempt: 1, job: "drill", event: "by-hand", url: null, commit: null },
} as const;

export interface DrillRuns {
  drill(more?: Partial<DrillRequest>): ReturnType<typeof runDrill>;
  /** One that is to be played to its end. */
  report(more?: Partial<DrillRequest>): Promise<DrillReport>;
  /** Proofs of drills, oldest first. */
  proofs(): Promise<Awaited<ReturnType<typeof readProofs>>["proofs"]>;
}

/** Drills as the command line would run them, with whatever the environment is at that moment. */
export function drillsWith(
  env: Record<string, string>,
  log: ReturnType<typeof recordingLog>,
  signal?: AbortSignal,
): DrillRuns {
  const drill = async (more: Partial<DrillRequest> = {}) => {
    const files = "S3_STORAGE_BUCKET" in env ? (["storageVault"] as const) : [];
    const config = await loadConfig({ needs: ["vault", "opening", ...files], env: { ...env } });
    using context = new Context({ config, log, signal: signal ?? new AbortController().signal, run });
    return await runDrill(context, { oncePerQuarter: false, dryRun: false, ...more });
  };
  return {
    drill,
    async report(more) {
      const result = await drill(more);
      if (!isReport(result)) throw new Error(`no report but ${result.outcome}`);
      return result;
    },
    async proofs() {
      const config = await loadConfig({ needs: ["vault"], env: { ...env } });
      const { openVault } = await import("../../actions/lib/vault/s3/client.ts");
      using vault = openVault(config.vault);
      const { proofs } = await readProofs(vault, await provenBy(config));
      return proofs.filter(({ proof }) => proof.drill !== undefined);
    },
  };
}

/** A vault with a set and its files of a production, and a simulated Supabase with an organisation for drills. */
export interface ProjectDrillLab extends AsyncDisposable {
  readonly sets: BackupLab;
  readonly source: LabProject;
  readonly set: string;
  readonly supabase: SupabaseApi;
  /** A server of its own, in which no source is. */
  readonly cluster: RunningPostgres;
  readonly production: Project;
  /** May do everything in the drills' organisation, and nothing else. */
  readonly env: Record<string, string>;
  /** Names a replica of both buckets. */
  readonly replica: Record<string, string>;
  readonly log: ReturnType<typeof recordingLog>;
  /** Changes the policy's drill for the runs that follow. */
  policy(change: PolicyInput["drill"]): void;
  /** The projects that drills have made and nobody has removed. */
  made(): Project[];
}

export async function openProjectDrillLab(name: string): Promise<ProjectDrillLab> {
  const closing = new AsyncDisposableStack();
  const [drillRegion, sets] = ["us-east-1", closing.use(await openBackupLab(sharedS3()))];
  const superuserUrl = sharedPostgres(17).superuserUrl();
  const source = await createProject(superuserUrl, name);
  closing.defer(() => dropProject(superuserUrl, source.name));
  await seedQimma(source.postgresUrl, { bytes: 200_000, seed: 5 });
  const storage = closing.use(await startStorage(source));
  await seedFiles(source, storage, { count: 20, bytes: 200_000, seed: 4 });
  const cluster = await startPostgres(17);
  closing.defer(() => cluster.stop());
  const supabase = closing.use(await startSupabaseApi({ pace: 100 }));
  const { world } = supabase;
  world.limit = 1_000_000;
  world.organizations.push({ slug: "drills", name: "Drills", plan: "pro", restricted: false });
  await backByLab(world, cluster.superuserUrl());
  const production = addProject(world, { name: "production", region: drillRegion });
  configure(production, Date.now());

  const filesBucket = `${sets.bucket}-files`;
  await sharedS3().createBucket(filesBucket);
  const backUp = { ...sets.env(source.backupUrl), ...storageSettings(storage), S3_STORAGE_BUCKET: filesBucket };
  const api = {
    SUPABASE_PROJECT_REF: production.ref,
    SUPABASE_ACCESS_TOKEN: supabase.token,
    SUPABASE_API_URL: supabase.url,
  };
  const needs = ["source", "vault", "storageVault", "sourceStorage", "signing"] as const;
  const config = await loadConfig({ needs, env: { ...backUp, ...api } });
  const log = recordingLog();
  const { set } = await runBackup({ config, tier: "daily", log, files: { config, log } });

  const replica = `${sets.bucket}-replica`;
  await sharedS3().createBucket(replica);
  const client = sharedS3().client();
  for (const bucket of [sets.bucket, filesBucket]) await replicate({ client, bucket }, { client, bucket: replica });
  client.destroy();

  const path = join(sets.folder, "policy.json");
  const pinned: PolicyInput = JSON.parse(readFileSync(path, "utf8"));
  const checks = [
    { kind: "sql", name: "people are there", query: "select count(*) > 0 from auth.users", expect: { value: true } },
  ];
  const policy = (drill: PolicyInput["drill"]): void =>
    writeFileSync(
      path,
      JSON.stringify({
        ...pinned,
        regions: [drillRegion, "eu-central-1"],
        targets: { default: { env: "TARGET" }, staging: { env: "STAGING" } },
        restoreTest: { projectRef: stagingRef },
        drill: { organization: "drills", ...drill },
        recovery: { organization: "org", region: drillRegion, checks, handOver: ["Tell the schools."] },
      }),
    );
  policy({});
  const { BACKUP_SIGNING_KEY: _, BACKUP_SIGNING_PASSPHRASE: __, ...rest } = sets.env(source.backupUrl);
  const token = addToken(world, { user: "driller", organizations: ["drills"] }).value;
  const env = {
    ...{ ...rest, S3_STORAGE_BUCKET: filesBucket, RESTORE_PRIVATE_KEY: sets.prover.key.armor() },
    ...{ SUPABASE_ACCESS_TOKEN: token, SUPABASE_API_URL: supabase.url, SUPABASE_PROJECT_REF: production.ref },
    SUPABASE_PROJECT_URL: supabase.projectUrl,
  };
  return {
    ...{ sets, source, set, supabase, cluster, production, env, log, policy },
    replica: {
      ...{ S3_REPLICA_BUCKET: replica, S3_REPLICA_REGION: drillRegion },
      S3_REPLICA_ENDPOINT_URL: sharedS3().endpoint,
    },
    made: () => [...world.projects.values()].filter(({ ref }) => ref !== production.ref),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}
