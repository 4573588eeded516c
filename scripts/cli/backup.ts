import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { readFormerKeys } from "../../actions/lib/config/environment.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { FileRequest } from "../../actions/lib/operations/backup/file-run.ts";
import { findMadeInPeriod } from "../../actions/lib/operations/backup/made-in-period.ts";
import { nothingToDoPage } from "../../actions/lib/operations/backup/nothing-to-do.ts";
import { reportBackup, setFacts } from "../../actions/lib/operations/backup/outcome.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { syncPage } from "../../actions/lib/operations/sync/page.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { trustedSigners, unlockFormerKeys } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { check } from "./check.ts";
import { type Call, type Command, dryRun, type Outcome } from "./command.ts";
import { readTier, tierOption } from "./tier.ts";

async function run(call: Call): Promise<Outcome> {
  const { values, flags, log, signal } = call;
  const tier = readTier(values["tier"]);
  if (tier === undefined) {
    throw new ConfigurationError("usage", "A backup needs a tier.", "Give --tier daily, weekly or monthly.");
  }
  if (flags["dry-run"] === true) return rehearse(call, tier);
  const config = await loadConfig({ needs: ["source", "vault", "signing"] });
  const files = flags["with-files"] === true ? await fileRequest(call) : {};
  const acceptShrinkage = flags["accept-shrinkage"] === true;
  if (tier === "monthly" && flags["again"] !== true) {
    using vault = openVault(config.vault);
    const made = await findMadeInPeriod(vault, tier, "month", await trustedSigners(config), log);
    if (made !== undefined) {
      const next = "Give --again to make another all the same.";
      const page = nothingToDoPage(made, "month");
      const job = { page, facts: setFacts(made), skipped: true };
      return { json: { made: made.set }, lines: [...renderText(page), next], job };
    }
  }
  const result = await runBackup({ config, tier, acceptShrinkage, log, signal, ...files });
  const lines = [...(result.files === undefined ? [] : [...renderText(syncPage(result.files)), ""])];
  const job = reportBackup(result);
  return { json: result, lines: [...lines, ...renderText(job.page)], job };
}

async function fileRequest({ flags, log }: Call): Promise<{ readonly files: FileRequest }> {
  const config = await loadConfig({ needs: ["source", "storageVault", "sourceStorage", "signing"] });
  const acceptShrinkage = flags["accept-shrinkage"] === true;
  return { files: { config, log, acceptShrinkage, ...(await unlockFormerKeys(readFormerKeys(config.env))) } };
}

/** The preflight is all of a backup that leaves nothing in the vault. */
async function rehearse(call: Call, tier: string): Promise<Outcome> {
  const checked = await check.run(call);
  const would = checked.exitCode === 0 ? `a ${tier} set would be made` : "no set could be made";
  return { ...checked, lines: [...checked.lines, `Dry run: ${would}; none was.`] };
}

export const backup: Command = {
  usage: {
    synopsis: "backup --tier <daily|weekly|monthly>",
    summary: "Makes one sealed, signed backup set in the vault.",
    positionals: [],
    options: {
      tier: tierOption(
        "the policy's tier that the set belongs to: daily, weekly (with a JSON export) or monthly (SQL, archived)",
      ),
      again: { type: "boolean", help: "monthly: make one even when the vault has this month's archive already" },
      "with-files": {
        type: "boolean",
        help: "copy Storage's files too, as they are at the set's own moment (see 'sync')",
      },
      "accept-shrinkage": { type: "boolean", help: "the database was made smaller on purpose: only warn" },
      ...dryRun,
    },
    details:
      "Reads DATABASE_URL, S3_BACKUP_BUCKET, the AWS_* settings, BACKUP_SIGNING_KEY and the public keys; see 'lifeboat check'. With --with-files also S3_STORAGE_BUCKET and SUPABASE_STORAGE_*.",
  },
  reported: { operation: "backup", runbook: "runbooks/backup-failed.md" },
  run,
};
