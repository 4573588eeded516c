import { type Environment, readVault } from "../config/environment.ts";
import { Problems } from "../config/problems.ts";
import { cleaner, cleanReport } from "../report/clean-text.ts";
import type { Operation, RunIdentity, RunReport } from "../report/run-report.ts";
import { writeVaultReport } from "../report/vault-reports.ts";
import { openVault } from "../vault/client.ts";
import { reportError } from "./error-report.ts";
import type { Log } from "./log.ts";

/**
 * What surrounds every action's work: who is told that it begins and how it ended. Nothing here may fail or hold up the work
 * itself; what went wrong is said in the log, and in the report where it is still open.
 */
export interface Surroundings {
  readonly env: Environment;
  readonly log: Log;
  /** The job was cancelled: GitHub leaves a process about seven seconds. */
  readonly hurry: boolean;
}

/** Called before an action's work begins. */
export async function beforeRun(_run: RunIdentity, _operation: Operation, _around: Surroundings): Promise<void> {}

/**
 * Called once when an action's work has ended, whatever its ending. Channels are told first, so that the report can say which of them
 * could not be; then the report goes into the vault, for the job that publishes it.
 */
export async function afterRun(told: RunReport, around: Surroundings): Promise<void> {
  const report = cleanReport(told, cleaner(around.env));
  await keepReport(report, around);
}

async function keepReport(report: RunReport, { env, log, hurry }: Surroundings): Promise<void> {
  const location = readVault(env, "S3_BACKUP_BUCKET", new Problems());
  if (location === undefined) {
    log.info("The report of this run is not kept: S3_BACKUP_BUCKET or AWS_REGION is not set in this step.");
    return;
  }
  try {
    const retry = hurry
      ? { attempts: 1, totalSeconds: 4, stallSeconds: 4 }
      : { attempts: 3, totalSeconds: 20, stallSeconds: 10 };
    using vault = openVault({ ...location, retry });
    const key = await writeVaultReport(vault, report, { retry });
    log.info(`Report of this run: s3://${vault.bucket}/${key}`);
  } catch (error) {
    log.warn(`The report of this run could not be put into the vault: ${reportError(error).message}`);
  }
}
