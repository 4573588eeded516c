import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createProject, type LabProject, recordLabProjects } from "../../test/lab/index.ts";
import { type Guardian, startGuardian } from "../../test/lab/servers/guardian.ts";
import { type RunningPostgres, startPostgres } from "../../test/lab/servers/postgres.ts";
import { type RunningS3, startS3 } from "../../test/lab/servers/s3.ts";
import { type RunningStorage, startStorage } from "../../test/lab/storage/index.ts";

/** The demo's world: a project that will be lost, an empty one elsewhere, and an S3 server. */
export interface Stage {
  /** A folder of the demo's own; it goes with everything else. */
  readonly folder: string;
  readonly source: LabProject;
  readonly target: LabProject;
  /** The files of either, as Supabase's storage serves them. */
  readonly sourceFiles: RunningStorage;
  readonly targetFiles: RunningStorage;
  readonly s3: RunningS3;
  /** An empty project beside the target, for the restore test. */
  createStaging(): Promise<LabProject>;
  /** The source project with its whole cluster and its files: gone. */
  destroySource(): Promise<void>;
  /** Ends every server and removes every folder. */
  clear(): Promise<void>;
  /** Leaves what is still running; returns the scripts that end it. */
  leave(): string[];
}

/** @param opened told of everything that must be ended, as it starts: somebody may press Ctrl-C meanwhile */
export async function setStage(opened: (clear: () => Promise<void>) => void): Promise<Stage> {
  const home: Guardian = startGuardian("demo");
  opened(() => home.finish());
  const note = <Server extends RunningPostgres | RunningS3 | RunningStorage>(server: Server): Server => {
    opened(() => server.stop());
    return server;
  };
  const [lost, other, s3] = await Promise.all([
    startPostgres(17).then(note),
    startPostgres(17).then(note),
    startS3().then(note),
  ]);
  const [source, target] = await Promise.all([
    createProject(lost.superuserUrl(), "qimma"),
    createProject(other.superuserUrl(), "qimma_restored"),
  ]);
  // A new project of the lab is not Supabase's to the letter.
  const newProjects = join(home.folder, "new-projects");
  await recordLabProjects([other.superuserUrl()], newProjects);
  process.env["LIFEBOAT_BASELINES"] = newProjects;
  const [sourceFiles, targetFiles] = await Promise.all([
    startStorage(source, { folder: join(home.folder, "source-files") }).then(note),
    startStorage(target, { folder: join(home.folder, "target-files") }).then(note),
  ]);
  return {
    folder: home.folder,
    source,
    target,
    sourceFiles,
    targetFiles,
    s3,
    createStaging: () => createProject(other.superuserUrl(), "qimma_staging"),
    async destroySource() {
      await Promise.all([lost.stop(), sourceFiles.stop()]);
      await rm(sourceFiles.files.folder, { recursive: true });
    },
    async clear() {
      await Promise.all([lost.stop(), other.stop(), s3.stop(), sourceFiles.stop(), targetFiles.stop()]);
      await home.finish();
    },
    leave: () => [other, s3, home].map((server) => server.leave()),
  };
}
