import type { Client } from "pg";
import { OperationError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { countOf } from "../../../base/measures.ts";
import { lacksProjectStorage, type ProjectStorage } from "../../../config/environment.ts";
import { loadConfig } from "../../../config/load.ts";
import { openProjectFiles } from "../../../storage/project-files.ts";
import type { IncidentGate } from "../../../vault/incident/state.ts";
import { assertServes } from "../../restore-files/one-project.ts";
import { type ResetResult, resetStaging } from "./reset.ts";
import type { StagingConfig } from "./staging.ts";

interface Emptying {
  readonly log: Log;
  /** Asked before each bucket. */
  readonly gate?: IncidentGate | undefined;
  readonly signal?: AbortSignal | undefined;
}

const page = 1000;

/** @param client of staging's database */
async function emptyFiles(client: Client, storage: ProjectStorage, { log, gate, signal }: Emptying): Promise<void> {
  using files = openProjectFiles(storage, { side: "target" });
  await assertServes(client, files, storage.prefix, signal);
  let removed = 0;
  for (const bucket of await files.buckets(signal)) {
    await gate?.("staging's files");
    const names: string[] = [];
    for await (const { name } of files.list(bucket, signal)) names.push(name);
    for (let from = 0; from < names.length; from += page) {
      const stayed = await files.remove(bucket, names.slice(from, from + page), signal);
      if (stayed.length > 0)
        throw new OperationError(
          "files-left",
          `${countOf(stayed.length, "file")} of bucket ${bucket} in staging could not be removed.`,
          "Empty the bucket in staging's dashboard (Storage), then run again.",
        );
    }
    removed += names.length;
  }
  if (removed > 0) log.info(`Removed ${countOf(removed, "file")} from staging.`);
}

/**
 * Removes the files that are in staging, where its Storage is set: students' files do not stay there, and once their rows are gone nobody
 * finds the bytes any more.
 * @throws ConfigurationError `target-mixed` when the endpoint is another project's; OperationError `files-left`
 */
export async function emptyLeftFiles(
  client: Client,
  { env, policy, target }: StagingConfig,
  emptying: Emptying,
): Promise<void> {
  const prefix = policy.targets[target.name]?.env;
  if (prefix === undefined || lacksProjectStorage(env, prefix)) return;
  const { targetStorage } = await loadConfig({ needs: ["targetStorage"], env, target: target.name });
  await emptyFiles(client, targetStorage, emptying);
}

/** Empties staging of all that is in it, files first. @throws as `emptyLeftFiles`, `resetStaging` */
export async function resetWithFiles(client: Client, config: StagingConfig, emptying: Emptying): Promise<ResetResult> {
  await emptyLeftFiles(client, config, emptying);
  return resetStaging(client, emptying.log, emptying.gate);
}
