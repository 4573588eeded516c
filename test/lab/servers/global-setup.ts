import { chmodSync } from "node:fs";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { prepareCluster, recordLabProjects } from "../index.ts";
import { startGuardian } from "./guardian.ts";
import { startPostgres } from "./postgres.ts";
import { startS3 } from "./s3.ts";

declare module "vitest" {
  interface ProvidedContext {
    lab: import("./started.ts").LabFacts;
  }
}

/** Starts the servers once for all test files of the project, and makes both clusters ready for Supabase projects. */
export default async function startLab(project: TestProject): Promise<() => Promise<void>> {
  // What tests lay into the temporary folder goes with it, however they end: workers inherit the setting.
  const home = startGuardian("tests");
  chmodSync(home.folder, 0o711);
  process.env["TMPDIR"] = home.folder;
  const [postgres17, postgres15, s3] = await Promise.all([startPostgres(17), startPostgres(15), startS3()]);
  const stop = async (): Promise<void> => {
    await Promise.all([postgres17.stop(), postgres15.stop(), s3.stop()]);
    await home.finish();
  };
  try {
    await Promise.all([prepareCluster(postgres17.superuserUrl()), prepareCluster(postgres15.superuserUrl())]);
    const newProjects = join(home.folder, "new-projects");
    await recordLabProjects([postgres17.superuserUrl(), postgres15.superuserUrl()], newProjects);
    process.env["LIFEBOAT_BASELINES"] = newProjects;
  } catch (error) {
    await stop();
    throw error;
  }
  const { endpoint, accessKeyId, secretAccessKey, region } = s3;
  project.provide("lab", {
    postgres17: { major: 17, url: postgres17.superuserUrl(), binDir: postgres17.binDir },
    postgres15: { major: 15, url: postgres15.superuserUrl(), binDir: postgres15.binDir },
    s3: { endpoint, accessKeyId, secretAccessKey, region },
  });
  return stop;
}
