import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { lookAtChannels } from "./channels.ts";
import { type CheckRow, warn } from "./check-row.ts";
import { preflightPage } from "./page.ts";
import { runPreflight } from "./run-preflight.ts";
import { lookAtStorage } from "./run-storage-preflight.ts";

/** Whether a backup could run now: the database and its vault, the files and theirs, whoever would be told. */
export async function lookAtEverything(context: Context): Promise<Told> {
  const { log, signal, env } = context;
  const config = context.config("source", "vault", "signing");
  const [database, files, channels] = await Promise.all([
    runPreflight(config, await context.vault(), log, signal),
    lookAtFiles(context),
    lookAtChannels(env),
  ]);
  const rows = [...database.rows, ...files, ...channels];
  const ready = rows.every(({ status }) => status !== "fail");
  return { result: { ready, checks: rows }, page: preflightPage(rows), exitCode: ready ? 0 : 2 };
}

async function lookAtFiles(context: Context): Promise<readonly CheckRow[]> {
  const { log, signal } = context;
  if (!context.has("storageVault")) {
    const next = "Set S3_STORAGE_BUCKET and SUPABASE_STORAGE_* (see .env.example) when the project has files.";
    return [warn("files", "no storage vault is set: files of the project are in no backup", next)];
  }
  const config = context.config("source", "storageVault", "sourceStorage");
  const looked = await lookAtStorage({ config, vault: await context.files(), log, signal, buckets: undefined });
  return looked.rows;
}

/** The preflight is all of a backup that leaves nothing in the vault. */
export async function rehearseBackup(context: Context, tier: string): Promise<Told> {
  const checked = await lookAtEverything(context);
  const would = checked.exitCode === 0 ? `a ${tier} set would be made` : "no set could be made";
  const { page } = checked;
  const sentence = `${page?.sentence} Dry run: ${would}; none was.`;
  return page === undefined ? checked : { ...checked, page: { ...page, sentence } };
}
