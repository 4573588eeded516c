import type { RetryPolicy } from "../base/flow/retry.ts";
import type { Log } from "../base/log.ts";
import type { Environment } from "../config/environment.ts";
import { loadConfig } from "../config/load.ts";
import type { Policy } from "../config/policy/policy.ts";
import { Problems } from "../config/problems.ts";
import { readVault } from "../config/vault-location.ts";
import type { Names } from "../operations/catalogue.ts";
import { writeVaultReport } from "../operations/publish/vault-reports.ts";
import { cleaner, cleanReport } from "../report/run/clean-text.ts";
import type { News, RunReport } from "../report/run/run-report.ts";
import type { SignBytes } from "../seal/keys/signature.ts";
import { noteSigner } from "../vault/configured.ts";
import { openVault, type Vault } from "../vault/s3/client.ts";
import { reportError } from "./error-report.ts";
import { defaultNotifyPolicy, heartbeat, tellPeople } from "./tell-people.ts";

/**
 * What surrounds every action's work: who is told that it begins and how it ended. Nothing here may fail or hold up the work
 * itself; what went wrong is said in the log, and in the report where it is still open.
 */
interface Surroundings {
  readonly env: Environment;
  readonly log: Log;
  /** How runs are called. */
  readonly names: Names;
  /** Which of several works of the operation it is; see `Reported`. */
  readonly aside?: string | undefined;
  /** The job was cancelled: GitHub leaves a process about seven seconds. */
  readonly hurry: boolean;
  /** Another job goes on with what this one did well. */
  readonly unfinished?: boolean;
  /** People hear of it although it went well. */
  readonly news?: News | undefined;
}

/** Called when an action's work begins, beside it: a watcher that does not answer delays nothing. */
export async function beforeRun(
  operation: string,
  { env, log, names, aside }: Omit<Surroundings, "hurry">,
): Promise<void> {
  await safely("The heartbeat (start) could not be sent", log, () =>
    heartbeat(operation, "start", { env, log, names, aside }),
  );
}

/**
 * Called once when an action's work has ended, whatever its ending. Channels are told first, so that the report can say which of them
 * could not be; then the report goes into the vault, for the job that publishes it.
 */
export async function afterRun(told: RunReport, around: Surroundings): Promise<void> {
  const report = cleanReport(told, cleaner(around.env));
  const { env, log, names, aside, hurry, unfinished = false, news } = around;
  const retry: Partial<RetryPolicy> = hurry
    ? { attempts: 1, totalSeconds: 4, stallSeconds: 4 }
    : { attempts: 3, totalSeconds: 20, stallSeconds: 10 };
  const known = await readPolicy(env);
  const policy = known?.notify ?? defaultNotifyPolicy;
  const location = readVault(env, "S3_BACKUP_BUCKET", new Problems(), known?.regions);
  using vault = location === undefined ? undefined : openVault({ ...location, retry });
  // Threads and claims are worth a moment, no more.
  const quick =
    location === undefined
      ? undefined
      : openVault({ ...location, retry: { attempts: 1, totalSeconds: 2, stallSeconds: 2 } });
  using _quick = quick;
  const untold = await safely("People could not be told", log, () =>
    tellPeople(report, { ...{ env, log, names, aside, hurry, unfinished, news, policy }, vault: quick }),
  );
  const sign = await noteSigner(env);
  await keepReport(withUntold(report, untold ?? []), vault, sign, log, retry);
}

/** Undefined where the policy file is what is wrong. */
async function readPolicy(env: Environment): Promise<Policy | undefined> {
  try {
    return (await loadConfig({ needs: [], env })).policy;
  } catch {
    return undefined;
  }
}

async function safely<T>(what: string, log: Log, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    log.warn(`${what}: ${reportError(error).message}`);
    return undefined;
  }
}

function withUntold(report: RunReport, untold: readonly string[]): RunReport {
  return { ...report, operations: report.operations.map((told) => ({ ...told, untold: [...told.untold, ...untold] })) };
}

async function keepReport(
  report: RunReport,
  vault: Vault | undefined,
  sign: SignBytes | undefined,
  log: Log,
  retry: Partial<RetryPolicy>,
): Promise<void> {
  if (vault === undefined) {
    log.info("The report of this run is not kept: S3_BACKUP_BUCKET or AWS_REGION is not set in this step.");
    return;
  }
  try {
    const key = await writeVaultReport(vault, report, sign, { retry });
    log.info(`Report of this run: s3://${vault.bucket}/${key}`);
  } catch (error) {
    log.warn(`The report of this run could not be put into the vault: ${reportError(error).message}`);
  }
}
