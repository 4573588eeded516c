import { generateKeyPairSync, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  createProject,
  execute,
  LAB_PASSWORD,
  type LabProject,
  recordLabProjects,
  seedQimma,
} from "../../../test/lab/index.ts";
import { replicate } from "../../../test/lab/replicate.ts";
import { type ArchivedPostgres, startArchivedPostgres } from "../../../test/lab/servers/archived-postgres.ts";
import { startGuardian } from "../../../test/lab/servers/guardian.ts";
import { startPostgres } from "../../../test/lab/servers/postgres.ts";
import { type RunningS3, startS3 } from "../../../test/lab/servers/s3.ts";
import {
  fillRows,
  type RunningStorage,
  seedFiles,
  startStorage,
  storageSettings,
} from "../../../test/lab/storage/index.ts";
import {
  addFunction,
  addProject,
  backByLab,
  type LabBacking,
  type Project,
  type SupabaseApi,
  startSupabaseApi,
} from "../../../test/lab/supabase-api/index.ts";
import { becomeOwner, bucket, filesBucket, type Owner } from "../owner.ts";

/** Where production is, and where there is a way out. */
export const regions = { lost: "us-east-1", other: "eu-central-1" } as const;

/** A Supabase with Qimma's project in it, and the owner's vault beside it. */
export interface DisasterStage {
  readonly owner: Owner;
  readonly supabase: SupabaseApi;
  readonly backing: LabBacking;
  /** Production as Supabase knows it, and what is behind it. */
  readonly production: Project;
  readonly source: LabProject;
  readonly files: RunningStorage;
  /** The private JWK of the key that signs its sessions, which its owner made. */
  readonly signingKey: string;
  /** What a backup of production reads, beside the owner's settings. */
  readonly sourceSettings: Readonly<Record<string, string>>;
  /** What a person has who recovers: a token, and the address of Supabase. */
  readonly supabaseSettings: Readonly<Record<string, string>>;
  /** Fills production. What can go back to a moment writes sentinels from then on. */
  seed(bytes: number): Promise<void>;
  /** Everything of production is gone: its server, its files, its place at Supabase. */
  loseProject(): Promise<void>;
  /** Copies the vault into another region, as S3 does. @returns the settings of that bucket */
  keepReplica(): Promise<Readonly<Record<string, string>>>;
  /** The vault's region is gone. */
  loseVault(): Promise<void>;
}

/**
 * @param pace how many times as fast as the real one the simulated Supabase is
 * @param archived production can go back to a moment: its log is archived, as Supabase's add-on does it
 * @param opened told of everything that must be ended, as it starts, the folder first
 */
export async function setDisasterStage(
  { pace, archived }: { readonly pace: number; readonly archived: boolean },
  opened: (end: () => Promise<void>) => void,
): Promise<DisasterStage> {
  const home = startGuardian("demo");
  opened(() => home.finish());
  const running: { stop(): Promise<void> }[] = [];
  let simulated: SupabaseApi | undefined;
  // The simulated Supabase drops its databases while their server runs.
  opened(async () => {
    await simulated?.[Symbol.asyncDispose]();
    await Promise.all(running.map((server) => server.stop()));
  });
  const noted = async <Server extends { stop(): Promise<void> }>(starting: Promise<Server>): Promise<Server> => {
    const server = await starting;
    running.push(server);
    return server;
  };
  const [{ superuserUrl, lost, archive }, other, s3] = await Promise.all([
    startSource(archived, noted),
    noted(startPostgres(17)),
    noted<RunningS3>(startS3()),
  ]);
  const source = await createProject(superuserUrl, "qimma");
  // A new project of the lab is not Supabase's to the letter.
  const newProjects = join(home.folder, "new-projects");
  await recordLabProjects([other.superuserUrl()], newProjects);
  process.env["LIFEBOAT_BASELINES"] = newProjects;
  const fileFolder = join(home.folder, "source-files");
  const files = await noted(startStorage(source, { folder: fileFolder }));
  const supabase = await startSupabaseApi({ pace });
  simulated = supabase;
  const backing = await backByLab(supabase.world, other.superuserUrl());
  const production = addProject(supabase.world, { name: "qimma", region: regions.lost });
  if (archive !== undefined) {
    Object.assign(production.addons, { compute: "ci_small", pitr: "pitr_7" });
    await backing.adopt(production, source, { archive, files: fileFolder });
  }
  const { host, port } = await backing.address(production);
  const pooled = `postgresql://lifeboat_backup.${production.ref}:${LAB_PASSWORD}@${host}:${port}/postgres`;
  production.auth["smtp_host"] = "smtp.qimma.example";
  production.auth["smtp_pass"] = "the password of the mail server";
  production.secrets.set("STRIPE_KEY", { value: "the key of the payments", updatedAt: 0 });
  const body = Buffer.from("Deno.serve(() => new Response('graded'));");
  const grade = { name: "grade", verifyJwt: true, entrypoint: "index.ts", importMap: undefined };
  addFunction(production, "grade", { ...grade, body, type: "application/octet-stream" }, Date.now());
  const signingKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
  const { d: _, ...publicJwk } = signingKey;
  for (const key of production.signingKeys) key.status = "previously_used";
  production.signingKeys.push({
    ...{ id: randomUUID(), algorithm: "ES256", status: "in_use", publicJwk, privateJwk: signingKey },
    ...{ createdAt: Date.now(), updatedAt: Date.now() },
  });
  await Promise.all([s3.createBucket(bucket), s3.createBucket(filesBucket)]);
  const owner = await becomeOwner(home.folder, s3, {
    regions: [s3.region, regions.other],
    recovery: { organization: "org", region: regions.lost, escrow: "escrow and operations" },
  });
  return {
    ...{ owner, supabase, backing, production, source, files, signingKey: JSON.stringify(signingKey) },
    sourceSettings: {
      ...{ DATABASE_URL: archive === undefined ? source.backupUrl : pooled, ...storageSettings(files) },
      ...{ SUPABASE_PROJECT_REF: production.ref, SUPABASE_STATUS_URL: supabase.statusUrl },
    },
    supabaseSettings: {
      ...{ SUPABASE_ACCESS_TOKEN: supabase.token, SUPABASE_API_URL: supabase.url },
      ...{ SUPABASE_PROJECT_URL: supabase.projectUrl, XDG_STATE_HOME: home.folder },
    },
    async seed(bytes) {
      await seedQimma(source.postgresUrl, { bytes, seed: 1, superuserUrl: source.superuserUrl });
      await seedFiles(source, files, { count: 120, bytes: 6_000_000, seed: 1 });
      await fillRows(source, files);
      if (archive === undefined) return;
      await execute(source.postgresUrl, readFileSync(sentinels, "utf8"));
      await archive.keepBase();
    },
    async loseProject() {
      supabase.world.projects.delete(production.ref);
      await Promise.all([lost.stop(), files.stop()]);
    },
    async keepReplica() {
      const elsewhere = await noted<RunningS3>(startS3());
      const copy = "qimma-replica";
      await elsewhere.createBucket(copy);
      const [from, to] = [s3.client(), elsewhere.client()];
      for (const one of [bucket, filesBucket])
        await replicate({ client: from, bucket: one }, { client: to, bucket: copy });
      for (const client of [from, to]) client.destroy();
      return {
        ...{ S3_REPLICA_BUCKET: copy, S3_REPLICA_REGION: elsewhere.region },
        ...{ S3_REPLICA_ENDPOINT_URL: elsewhere.endpoint, S3_REPLICA_ACCESS_KEY_ID: elsewhere.accessKeyId },
        S3_REPLICA_SECRET_ACCESS_KEY: elsewhere.secretAccessKey,
      };
    },
    loseVault: () => s3.stop(),
  };
}

const sentinels = new URL("../../../runbooks/sql/sentinels.sql", import.meta.url);

/** The server that production runs on. */
async function startSource(
  archived: boolean,
  noted: (starting: Promise<{ stop(): Promise<void> }>) => Promise<unknown>,
): Promise<{
  readonly superuserUrl: string;
  readonly lost: { stop(): Promise<void> };
  readonly archive: ArchivedPostgres | undefined;
}> {
  if (!archived) {
    const lost = await startPostgres(17);
    await noted(Promise.resolve(lost));
    return { superuserUrl: lost.superuserUrl(), lost, archive: undefined };
  }
  const archive = await startArchivedPostgres(17);
  const lost = { stop: async () => archive[Symbol.asyncDispose]() };
  await noted(Promise.resolve(lost));
  return { superuserUrl: archive.running.superuserUrl(), lost, archive };
}
