import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { judgePromises } from "../../policy/judge-promises.ts";
import type { PromiseCheck, VaultTruth } from "../../policy/promises.ts";
import { type ReadSchedules, readSchedules, statedSchedules, workflowSchedules } from "../../policy/read-schedules.ts";
import { truthOf } from "../../report/branch/standing.ts";
import { askStanding } from "../../vault/configured.ts";
import type { Context } from "../context.ts";

/**
 * The promises of the policy beside the schedules that it states, else those of the workflows.
 * @param vault what the vault has now; undefined when it was not asked
 * @param folder of the workflows
 * @throws ConfigurationError `workflows-missing`, `workflow-unreadable`
 */
export async function checkPromises(
  { policy }: Pick<Config, "policy">,
  vault: VaultTruth | undefined,
  folder = ".github/workflows",
): Promise<PromiseCheck> {
  return (await promiseJudge({ policy }, folder))(vault, new Date());
}

export type PromiseJudge = (vault: VaultTruth | undefined, now: Date) => PromiseCheck;

/** The same for later, with the schedules read now: what the vault has is told when it is known. @throws as `checkPromises` */
export async function promiseJudge(
  { policy }: Pick<Config, "policy">,
  folder = ".github/workflows",
): Promise<PromiseJudge> {
  const schedules = schedulesOf({ policy }, folder);
  return (vault, now) => judgePromises({ policy, schedules, now, vault });
}

/** The judge for a page, which does without where there are no workflows to read. */
export async function findPromiseJudge(config: Pick<Config, "policy">, log: Log): Promise<PromiseJudge | undefined> {
  try {
    return await promiseJudge(config);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    log.info(`The promises are not on the page: ${error.message}`);
    return undefined;
  }
}

/** The schedules that the policy states, else those of the workflows. @throws as `checkPromises` */
export function schedulesOf({ policy }: Pick<Config, "policy">, folder = ".github/workflows"): ReadSchedules {
  const stated = policy.promises.schedules;
  if (stated !== null) return readSchedules(statedSchedules(stated));
  return readSchedules(readWorkflows(folder).flatMap(({ path, text }) => workflowSchedules(path, text)));
}

/** Every workflow of a folder, by name. @throws ConfigurationError `workflows-missing` */
export function readWorkflows(folder = ".github/workflows"): { readonly path: string; readonly text: string }[] {
  const paths = globSync(`${folder}/*.{yml,yaml}`);
  if (paths.length === 0) {
    throw new ConfigurationError(
      "workflows-missing",
      `There is no workflow in ${resolve(folder)}.`,
      "Run from the repository's root, name the folder with --workflows, or state promises.schedules in the policy.",
    );
  }
  return paths.sort().map((path) => ({ path, text: readFileSync(path, "utf8") }));
}

/** Undefined, and said so, where the vault is not set or cannot be reached: the rest can be judged without it. */
export async function askVault(context: Context): Promise<VaultTruth | undefined> {
  if (!context.has("vault")) {
    context.log.info("S3_BACKUP_BUCKET is not set: what the vault has now is not judged.");
    return undefined;
  }
  try {
    return truthOf(await askStanding(context.config("vault")));
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    context.log.warn(`The vault could not be asked, so what it has now is not judged: ${error.message}`);
    return undefined;
  }
}
