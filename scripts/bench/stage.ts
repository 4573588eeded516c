import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Link } from "../../test/faults/proxy/tcp-proxy.ts";
import {
  createProject,
  dropProject,
  dropQimmaRoles,
  type LabProject,
  recordLabProjects,
  withClient,
} from "../../test/lab/index.ts";
import { startGuardian } from "../../test/lab/servers/guardian.ts";
import { startLink } from "../../test/lab/servers/link.ts";
import { type RunningPostgres, startPostgres } from "../../test/lab/servers/postgres.ts";
import { type RunningS3, startS3 } from "../../test/lab/servers/s3.ts";
import { becomeOwner, bucket } from "../demo/owner.ts";
import { linkText, measureLink } from "./link.ts";
import type { Shape } from "./shapes.ts";

/** The bench's world: a seeded project, a second cluster to restore into, an S3 server on disk, keys and policy. */
export interface Stage {
  /** A folder of the bench's own, for what the rivals leave; it goes with everything else. */
  readonly folder: string;
  readonly source: LabProject;
  /** `pg_database_size`. */
  readonly databaseBytes: number;
  /** Tables with rows of their own in the source. */
  readonly tables: number;
  /** The link as it is measured; undefined where there is none. */
  readonly link: Link | undefined;
  /** A URL of a database as everybody who is measured has to use it: by way of the link, where there is one. */
  through(url: string): string;
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

/**
 * @param opened told of everything that must be ended, as it starts: somebody may press Ctrl-C meanwhile
 * @param wanted what lies between everybody who is measured and the servers; undefined: nothing
 */
export async function setStage(
  opened: (clear: () => Promise<void>) => void,
  shape: Shape,
  wanted: Link | undefined,
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
  await s3.createBucket("rivals", { lock: false });
  const servers = [own.superuserUrl(), other.superuserUrl(), s3.endpoint];
  const between = wanted === undefined ? undefined : await startLink(wanted, servers);
  if (between !== undefined) opened(between.stop);
  const through = (url: string): string => between?.through(url) ?? url;
  const owner = await becomeOwner(home.folder, { ...s3, endpoint: through(s3.endpoint) });
  const source = await createProject(own.superuserUrl(), "bench");
  const begun = performance.now();
  await shape.seed(source);
  // The first reader of fresh rows would write their hint bits, and everybody after it would not.
  const { databaseBytes, tables } = await withClient(source.superuserUrl, async (client) => {
    await client.query("set statement_timeout = 0");
    await client.query("vacuum (freeze, analyze)");
    const { rows } = await client.query<{ bytes: string; tables: string }>(
      `select pg_database_size(current_database()) as bytes,
              (select count(*) from pg_stat_user_tables where schemaname !~ '^pg_') as tables`,
    );
    return { databaseBytes: Number(rows[0]?.bytes), tables: Number(rows[0]?.tables) };
  });
  const link = wanted === undefined ? undefined : await measureLink(through(source.backupUrl), wanted);
  if (link !== undefined) say(`link: ${linkText(link)}`);
  say(`seeded ${(databaseBytes / 1e6).toFixed(0)} MB in ${((performance.now() - begun) / 1000).toFixed(0)} s`);

  // So that a restore knows what an empty target has.
  const newProjects = join(home.folder, "new-projects");
  mkdirSync(newProjects);
  await recordLabProjects([other.superuserUrl()], newProjects);

  let targets: string[] = [];
  const fresh = (): string => {
    const name = `target_${Date.now()}`;
    targets.push(name);
    return name;
  };
  return {
    folder: home.folder,
    ...{ source, databaseBytes, tables, other, s3, link, through },
    binDir: own.binDir,
    settings: {
      ...owner.settings,
      ...{
        LIFEBOAT_PG_BIN: own.binDir,
        TMPDIR: home.folder,
        DATABASE_URL: through(source.backupUrl),
        LIFEBOAT_BASELINES: newProjects,
      },
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
