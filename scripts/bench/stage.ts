import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  createProject,
  dropProject,
  dropQimmaRoles,
  type LabProject,
  seedQimma,
  withClient,
} from "../../test/lab/index.ts";
import { startGuardian } from "../../test/lab/servers/guardian.ts";
import { type RunningPostgres, startPostgres } from "../../test/lab/servers/postgres.ts";
import { type RunningS3, startS3 } from "../../test/lab/servers/s3.ts";
import { becomeOwner, bucket } from "../demo/owner.ts";

/** The bench's world: a seeded project, a second cluster to restore into, an S3 server on disk, keys and policy. */
export interface Stage {
  /** A folder of the bench's own, for what the rivals leave; it goes with everything else. */
  readonly folder: string;
  readonly source: LabProject;
  /** `pg_database_size`. */
  readonly databaseBytes: number;
  readonly other: RunningPostgres;
  readonly s3: RunningS3;
  /** PostgreSQL's programs, of the server's version. */
  readonly binDir: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Processes whose CPU time counts as the servers'. */
  readonly servers: readonly number[];
  /** Writes out what the databases hold back, so that no run pays for the one before it. */
  settle(): Promise<void>;
  /** An empty Supabase-shaped project on the other cluster. */
  freshTarget(): Promise<LabProject>;
  /** An empty database on the other cluster with the roles that a dump names; its superuser's URL. */
  freshDatabase(): Promise<string>;
  dropTargets(): Promise<void>;
}

/** Where sets without fingerprints go, so that none of them is ever the latest. */
export const bareBucket = "qimma-vault-bare";

/**
 * @param opened told of everything that must be ended, as it starts: somebody may press Ctrl-C meanwhile
 * @param bytes of the seeded database, about
 */
export async function setStage(
  opened: (clear: () => Promise<void>) => void,
  bytes: number,
  say: (line: string) => void,
): Promise<Stage> {
  const home = startGuardian("bench");
  opened(() => home.finish());
  const note = <Server extends RunningPostgres | RunningS3>(server: Server): Server => {
    opened(() => server.stop());
    return server;
  };
  const [own, other, s3] = await Promise.all([
    startPostgres(17).then(note),
    startPostgres(17).then(note),
    startS3().then(note),
  ]);
  await s3.createBucket(bucket);
  await s3.createBucket(bareBucket);
  await s3.createBucket("rivals", { lock: false });
  const owner = await becomeOwner(home.folder, s3);
  const source = await createProject(own.superuserUrl(), "bench");
  const begun = performance.now();
  await seedQimma(source.postgresUrl, { bytes, seed: 1 });
  // The first reader of fresh rows would write their hint bits, and everybody after it would not.
  const databaseBytes = await withClient(source.superuserUrl, async (client) => {
    await client.query("set statement_timeout = 0");
    await client.query("vacuum (freeze, analyze)");
    const { rows } = await client.query<{ bytes: string }>("select pg_database_size(current_database()) as bytes");
    return Number(rows[0]?.bytes);
  });
  say(`seeded ${(databaseBytes / 1e6).toFixed(0)} MB in ${((performance.now() - begun) / 1000).toFixed(0)} s`);

  let targets: string[] = [];
  const fresh = (): string => {
    const name = `target_${Date.now()}`;
    targets.push(name);
    return name;
  };
  return {
    folder: home.folder,
    ...{ source, databaseBytes, other, s3 },
    binDir: own.binDir,
    settings: {
      ...owner.settings,
      ...{ LIFEBOAT_PG_BIN: own.binDir, TMPDIR: home.folder, DATABASE_URL: source.backupUrl },
    },
    servers: [own.pid, other.pid, s3.pid],
    async settle() {
      await Promise.all(
        [own, other].map((server) => withClient(server.superuserUrl(), (client) => client.query("checkpoint"))),
      );
    },
    freshTarget: () => createProject(other.superuserUrl(), fresh()),
    async freshDatabase() {
      const name = fresh();
      // Roles of the dump's policies, and Supabase's, which come with the cluster's first project.
      await dropProject(other.superuserUrl(), (await createProject(other.superuserUrl(), `${name}_roles`)).name);
      await withClient(other.superuserUrl(), async (client) => {
        await client.query(`create role "Qimma Grader"; create role qimma_reporting`);
        await client.query(`create database ${name} template template0`);
      });
      return other.superuserUrl(name);
    },
    async dropTargets() {
      for (const name of targets) await dropProject(other.superuserUrl(), name);
      targets = [];
      await dropQimmaRoles(other.superuserUrl());
    },
  };
}

const run = promisify(execFile);

/** Whether a program can be started. */
export async function has(program: string): Promise<boolean> {
  return run(program, ["--version"]).then(
    () => true,
    () => false,
  );
}

/** The dump that pg_restore is measured with: custom format, not compressed, which is what it reads fastest. */
export async function writeLocalDump(stage: Stage): Promise<string> {
  const file = join(stage.folder, "local.dump");
  await run(join(stage.binDir, "pg_dump"), ["-Fc", "-Z0", "-f", file, "-d", stage.source.superuserUrl]);
  return file;
}
