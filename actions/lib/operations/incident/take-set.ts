import { lacksProjectStorage } from "../../config/environment.ts";
import { loadConfig } from "../../config/load.ts";
import { hasFilesVault } from "../../config/vault-location.ts";
import type { BackupResult } from "../backup/result.ts";
import { runBackup } from "../backup/run-backup.ts";
import type { Context } from "../context.ts";
import { type Step, whyOf } from "./begin.ts";

/**
 * The incident's own set, under its mark: what the database and its files were when it began. Its settings are read only now: the
 * incident is on whether or not a backup can be made.
 */
export async function takeSet(context: Context, signal = context.signal): Promise<Step<BackupResult>> {
  const { env, log } = context;
  try {
    const config = await loadConfig({ needs: ["source", "vault", "signing"], env });
    const withFiles = hasFilesVault(env) && !lacksProjectStorage(env, "SUPABASE");
    const files = withFiles && {
      files: {
        ...{ log, acceptShrinkage: true, ...(await context.formerKeys()) },
        config: await loadConfig({ needs: ["source", "storageVault", "sourceStorage", "signing"], env }),
      },
    };
    const holder = context.holder === undefined ? {} : { holder: context.holder };
    // With vaults of its own, which have a backup's patience.
    // What shrank is what the incident may be about: the mark keeps such a set from counting as a good one.
    return {
      done: await runBackup({ config, tier: "daily", acceptShrinkage: true, log, signal, ...holder, ...files }),
    };
  } catch (error) {
    signal.throwIfAborted();
    return { failed: whyOf(error) };
  }
}
