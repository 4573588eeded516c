import type { FileRequest } from "../lib/backup/file-run.ts";
import { findMadeInPeriod } from "../lib/backup/made-in-period.ts";
import { runBackup } from "../lib/backup/run-backup.ts";
import { findStandBack } from "../lib/backup/stand-back.ts";
import { loadConfig } from "../lib/config/load.ts";
import { periods } from "../lib/policy/period.ts";
import { reportBackup } from "../lib/report/backup-job.ts";
import { setFacts } from "../lib/report/facts.ts";
import { nothingToDoPage, standBackPage } from "../lib/report/nothing-to-do.ts";
import { trustedSigners } from "../lib/runtime/configured.ts";
import { ConfigurationError } from "../lib/runtime/errors.ts";
import type { Log } from "../lib/runtime/log.ts";
import { booleanInput, choiceInput, runAction } from "../lib/runtime/run-action.ts";
import { openVault } from "../lib/vault/client.ts";
import { tierSchema } from "../lib/vault/manifest.ts";

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
