import { ConfigurationError } from "../lib/base/errors.ts";
import type { Log } from "../lib/base/log.ts";
import { loadConfig } from "../lib/config/load.ts";
import { booleanInput, choiceInput, runAction } from "../lib/edge/run-action.ts";
import type { FileRequest } from "../lib/operations/backup/file-run.ts";
import { findMadeInPeriod } from "../lib/operations/backup/made-in-period.ts";
import { nothingToDoPage, standBackPage } from "../lib/operations/backup/nothing-to-do.ts";
import { reportBackup, setFacts } from "../lib/operations/backup/outcome.ts";
import { runBackup } from "../lib/operations/backup/run-backup.ts";
import { findStandBack } from "../lib/operations/backup/stand-back.ts";
import { periods } from "../lib/policy/period.ts";
import { trustedSigners } from "../lib/vault/configured.ts";
import { tierSchema } from "../lib/vault/format/manifest.ts";
import { openVault } from "../lib/vault/s3/client.ts";

await runAction("backup", "runbooks/backup-failed.md", async ({ log, signal }) => {
  const tier = choiceInput("tier", tierSchema.options);
  if (tier === undefined) throw new ConfigurationError("usage", "The input tier is not given.");
  const period = choiceInput("once-per", periods);
  const acceptShrinkage = booleanInput("accept-shrinkage");
  const config = await loadConfig({ needs: ["source", "vault", "signing"] });
  const files = booleanInput("with-files") ? await fileRequest(log, acceptShrinkage) : {};
  using vault = openVault(config.vault);
  if (period !== undefined) {
    const made = await findMadeInPeriod(vault, tier, period, await trustedSigners(config), log);
    if (made !== undefined) {
      const page = nothingToDoPage(made, period);
      log.info(page.sentence);
      return { outputs: { made: "false", set: made.set }, page, facts: setFacts(made), skipped: true };
    }
    const back =
      period === "10h" ? await findStandBack(vault, config.policy, await trustedSigners(config), log) : undefined;
    if (back !== undefined) {
      const page = standBackPage(tier, back);
      log.warn(page.sentence);
      return { outputs: { made: "false" }, page, facts: {}, skipped: true };
    }
  }
  const run = [process.env["GITHUB_WORKFLOW"], process.env["GITHUB_RUN_ID"]].filter(Boolean).join(", run ");
  const holder = run === "" ? {} : { holder: run };
  const result = await runBackup({ config, vault, tier, acceptShrinkage, log, signal, ...holder, ...files });
  return reportBackup(result);
});

async function fileRequest(log: Log, acceptShrinkage: boolean): Promise<{ readonly files: FileRequest }> {
  const config = await loadConfig({ needs: ["source", "storageVault", "sourceStorage", "signing"] });
  return { files: { config, log, acceptShrinkage } };
}
