import { readFormerKeys } from "../../actions/lib/config/environment.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { reportSnapshot } from "../../actions/lib/operations/sync/outcome.ts";
import { runSync } from "../../actions/lib/operations/sync/run-sync.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { unlockFormerKeys } from "../../actions/lib/vault/configured.ts";
import { type Call, type Command, dryRun, type Outcome } from "./command.ts";
import { readTier, tierOption } from "./tier.ts";

async function run({ flags, values, log, signal }: Call): Promise<Outcome> {
  const needs = ["storageVault", "sourceStorage", "signing"] as const;
  const listing = flags["from-listing"] === true;
  const config = listing ? await loadConfig({ needs }) : await loadConfig({ needs: [...needs, "source"] });
  const result = await runSync({
    ...{ config, log, signal },
    tier: readTier(values["tier"]) ?? "daily",
    full: flags["full"] === true,
    audit: flags["audit"] === true,
    dryRun: flags["dry-run"] === true,
    acceptShrinkage: flags["accept-shrinkage"] === true,
    ...(await unlockFormerKeys(readFormerKeys(config.env))),
  });
  const job = reportSnapshot(result);
  return { json: result, lines: renderText(job.page), job };
}

export const sync: Command = {
  usage: {
    synopsis: "sync",
    summary: "Copies new and changed files of Storage into the vault and publishes a sealed, signed snapshot of all.",
    positionals: [],
    options: {
      tier: tierOption("how long the snapshot is kept: as sets of this tier (daily unless told)"),
      full: { type: "boolean", help: "compare with nothing and copy every file anew" },
      audit: { type: "boolean", help: "also look for files that have no row (lists every bucket)" },
      "from-listing": { type: "boolean", help: "take the list from the S3 endpoint, without access to the database" },
      "accept-shrinkage": { type: "boolean", help: "many files were removed on purpose: only warn" },
      ...dryRun,
    },
    details:
      "Reads SUPABASE_STORAGE_*, DATABASE_URL (not with --from-listing), S3_STORAGE_BUCKET, the AWS_* settings, BACKUP_SIGNING_KEY and the public keys.\n" +
      "When the signing key has changed: BACKUP_SIGNING_KEY_PREVIOUS (and _PASSPHRASE) or RESTORE_PRIVATE_KEY, for one run.",
  },
  reported: { operation: "sync", runbook: "runbooks/sync-failed.md" },
  run,
};
