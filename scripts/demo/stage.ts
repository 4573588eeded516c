import { createProject, type LabProject } from "../../test/lab/index.ts";
import { type Guardian, startGuardian } from "../../test/lab/servers/guardian.ts";
import { type RunningPostgres, startPostgres } from "../../test/lab/servers/postgres.ts";
import { type RunningS3, startS3 } from "../../test/lab/servers/s3.ts";

/** The demo's world: a project that will be lost, an empty one elsewhere, and an S3 server. */
export interface Stage {
  /** A folder of the demo's own; it goes with everything else. */
  readonly folder: string;
  readonly source: LabProject;
  readonly target: LabProject;
  readonly s3: RunningS3;
  /** An empty project beside the target, for the restore test. */
  createStaging(): Promise<LabProject>;
  /** The source project with its whole cluster: gone. */
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
  const note = <Server extends RunningPostgres | RunningS3>(server: Server): Server => {
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
  return {
    folder: home.folder,
    source,
    target,
    s3,
    createStaging: () => createProject(other.superuserUrl(), "qimma_staging"),
    destroySource: () => lost.stop(),
    async clear() {
      await Promise.all([lost.stop(), other.stop(), s3.stop()]);
      await home.finish();
    },
    leave: () => [other, s3, home].map((server) => server.leave()),
  };
}
