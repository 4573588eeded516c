import { chmodSync, existsSync, readFileSync, statfsSync } from "node:fs";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { prepareCluster, recordLabProjects } from "../index.ts";
import { startGuardian } from "./guardian.ts";
import { type RunningPostgres, startPostgres } from "./postgres.ts";
import { startS3 } from "./s3.ts";
import type { PostgresFacts } from "./started.ts";

declare module "vitest" {
  interface ProvidedContext {
    lab: import("./started.ts").LabFacts;
  }
}

/**
 * Starts the servers once for all test files of the project, and makes the clusters ready for Supabase projects. Each worker
 * has clusters of its own: roles and memberships are the cluster's, and a restore that works beside another sees them.
 */
export default async function startLab(project: TestProject): Promise<() => Promise<void>> {
  // What tests lay into the temporary folder goes with it, however they end: workers inherit the setting.
  process.env["TMPDIR"] ??= roomInMemory() ?? tmpdir();
  const home = startGuardian("tests");
  chmodSync(home.folder, 0o711);
  process.env["TMPDIR"] = home.folder;
  const workers = Array.from({ length: Math.max(1, project.vitest.config.maxWorkers) });
  const [postgres17, postgres15, s3] = await Promise.all([
    Promise.all(workers.map(() => startPostgres(17))),
    Promise.all(workers.map(() => startPostgres(15))),
    startS3(),
  ]);
  const clusters = [...postgres17, ...postgres15];
  const stop = async (): Promise<void> => {
    await Promise.all([...clusters.map((cluster) => cluster.stop()), s3.stop()]);
    await home.finish();
  };
  try {
    await Promise.all(clusters.map((cluster) => prepareCluster(cluster.superuserUrl())));
    const newProjects = join(home.folder, "new-projects");
    const one = [postgres17[0], postgres15[0]].flatMap((cluster) => cluster?.superuserUrl() ?? []);
    await recordLabProjects(one, newProjects);
    process.env["LIFEBOAT_BASELINES"] = newProjects;
  } catch (error) {
    await stop();
    throw error;
  }
  const { endpoint, accessKeyId, secretAccessKey, region } = s3;
  project.provide("lab", {
    postgres17: postgres17.map(factsOf),
    postgres15: postgres15.map(factsOf),
    s3: { endpoint, accessKeyId, secretAccessKey, region },
  });
  return stop;
}

/**
 * A file that lives for seconds costs a disk's file system several times the CPU that it costs memory's: making a
 * database, a checkout of a workflow test. The whole lab holds less than two gigabytes at once.
 *
 * @returns undefined where memory is short, or where its files cannot be executed (a container's usual /dev/shm)
 */
function roomInMemory(): string | undefined {
  const folder = "/dev/shm";
  if (!existsSync(folder)) return undefined;
  const { bavail, bsize } = statfsSync(folder);
  const mount = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .find((line) => line.split(" ")[1] === folder);
  const executable = mount !== undefined && !mount.includes("noexec");
  return executable && Math.min(bavail * bsize, freemem()) > 6 * 1024 ** 3 ? folder : undefined;
}

function factsOf(cluster: RunningPostgres): PostgresFacts {
  return { major: cluster.major, url: cluster.superuserUrl(), binDir: cluster.binDir, logFile: cluster.logFile };
}
