import { optional } from "../../actions/lib/config/environment.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { upkeepPage } from "../../actions/lib/operations/retention/page.ts";
import { upkeepVaults, type VaultsUpkeep } from "../../actions/lib/operations/retention/upkeep-vaults.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { meddlingFailure } from "../../actions/lib/report/run/action-result.ts";
import { manifestVerifier, noteSigner, openStorageVault } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { type Call, type Command, dryRun, type Outcome } from "./command.ts";

async function run({ flags, log }: Call): Promise<Outcome> {
  const rehearsal = flags["dry-run"] === true;
  const has = (name: string): boolean => optional(process.env, name) !== undefined;
  const needs = has("S3_BACKUP_BUCKET") ? (["vault"] as const) : (["storageVault"] as const);
  const config = await loadConfig({ needs });
  using database = "vault" in config && has("S3_BACKUP_BUCKET") ? openVault(config.vault) : null;
  using files = (await openStorageVault()) ?? null;
  const [verify, sign] = [await manifestVerifier(config), await noteSigner(process.env)];
  const { policy } = config;
  return outcome(await upkeepVaults({ database, files, policy, verify, sign, dryRun: rehearsal, log }), rehearsal);
}

function outcome(result: VaultsUpkeep, rehearsal: boolean): Outcome {
  const { database, files } = result;
  const { retention, locks = null, deleted = 0, keptBack = 0 } = files ?? {};
  const { unnamed = [], ...rest } = retention ?? {};
  const alarms = [...(database?.alarms ?? []), ...(files?.alarms ?? [])];
  const ofFiles = retention === undefined ? null : { ...rest, unnamedObjects: unnamed.length };
  const json = { retention: ofFiles, locks, deleted, keptBack, alarms, database };
  const page = upkeepPage(result, rehearsal);
  const failure = meddlingFailure(alarms);
  return { json, lines: renderText(page), job: { page, facts: {}, ...(failure !== undefined && { failure }) } };
}

export const upkeep: Command = {
  usage: {
    synopsis: "upkeep",
    summary:
      "Removes from the vaults what unfinished runs left and what the policy no longer keeps, and extends the files' locks. A schedule does it once a week.",
    positionals: [],
    options: dryRun,
    details:
      "Reads S3_BACKUP_BUCKET, S3_STORAGE_BUCKET (one of them is enough), the AWS_* settings and the public keys.",
  },
  reported: { operation: "retention", runbook: "runbooks/vault-meddled.md" },
  run,
};
