import type { Log } from "../../actions/lib/base/log.ts";
import { lacksProjectStorage, optional } from "../../actions/lib/config/environment.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { lookAtChannels } from "../../actions/lib/operations/check/channels.ts";
import { type CheckRow, warn } from "../../actions/lib/operations/check/check-row.ts";
import { preflightPage } from "../../actions/lib/operations/check/page.ts";
import { runPreflight } from "../../actions/lib/operations/check/run-preflight.ts";
import { lookAtStorage } from "../../actions/lib/operations/check/run-storage-preflight.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import type { Call, Command, Outcome } from "./command.ts";

async function run({ log, signal }: Call): Promise<Outcome> {
  const config = await loadConfig({ needs: ["source", "vault", "signing"] });
  using vault = openVault(config.vault);
  const [database, files, channels] = await Promise.all([
    runPreflight(config, vault, log, signal),
    lookAtFiles(log, signal),
    lookAtChannels(process.env),
  ]);
  const rows = [...database.rows, ...files, ...channels];
  const ready = rows.every(({ status }) => status !== "fail");
  return { json: { ready, checks: rows }, lines: renderText(preflightPage(rows)), exitCode: ready ? 0 : 2 };
}

/** Looked at as soon as one of their settings is there: half of them is a mistake, none of them a choice. */
async function lookAtFiles(log: Log, signal: AbortSignal): Promise<readonly CheckRow[]> {
  const chosen =
    optional(process.env, "S3_STORAGE_BUCKET") !== undefined || !lacksProjectStorage(process.env, "SUPABASE");
  if (!chosen) {
    const next = "Set S3_STORAGE_BUCKET and SUPABASE_STORAGE_* (see .env.example) when the project has files.";
    return [warn("files", "no storage vault is set: files of the project are in no backup", next)];
  }
  const config = await loadConfig({ needs: ["source", "storageVault", "sourceStorage"] });
  using vault = openVault(config.storageVault);
  return (await lookAtStorage({ config, vault, log, signal, buckets: undefined })).rows;
}

export const check: Command = {
  usage: {
    synopsis: "check",
    summary: "Says whether a backup could run now, and what to do about what is not as it should be.",
    positionals: [],
    options: {},
    details:
      "Reads what a backup reads: DATABASE_URL, S3_BACKUP_BUCKET, the AWS_* settings, BACKUP_SIGNING_KEY, the public keys; for the files S3_STORAGE_BUCKET and SUPABASE_STORAGE_*; the channels that are set (nothing is posted).",
  },
  run,
};
