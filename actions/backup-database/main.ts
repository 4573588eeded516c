import * as core from "@actions/core";
import { findMadeInPeriod } from "../lib/backup/made-in-period.ts";
import { runBackup } from "../lib/backup/run-backup.ts";
import { loadConfig } from "../lib/config/load.ts";
import { type Period, periods } from "../lib/policy/period.ts";
import { backupPage } from "../lib/report/backup.ts";
import { nothingToDoPage } from "../lib/report/nothing-to-do.ts";
import { trustedSigners } from "../lib/runtime/configured.ts";
import { ConfigurationError } from "../lib/runtime/errors.ts";
import { booleanInput, optionalInput, runAction } from "../lib/runtime/run-action.ts";
import { openVault } from "../lib/vault/client.ts";

await runAction("Backup", "runbooks/backup-failed.md", async ({ log, signal }) => {
  const tier = core.getInput("tier", { required: true });
  if (tier !== "daily" && tier !== "weekly") {
    throw new ConfigurationError("usage", `The input tier is '${tier}'.`, "It is daily or weekly.");
  }
  const acceptShrinkage = booleanInput("accept-shrinkage");
  const period = periodInput();
  const config = await loadConfig({ needs: ["source", "vault", "signing"] });
  using vault = openVault(config.vault);
  if (period !== undefined) {
    const made = await findMadeInPeriod(vault, tier, period, await trustedSigners(config), log);
    if (made !== undefined) {
      const page = nothingToDoPage(made, period);
      log.info(page.sentence);
      return { outputs: { made: "false", set: made.set }, page };
    }
  }
  const run = [process.env["GITHUB_WORKFLOW"], process.env["GITHUB_RUN_ID"]].filter(Boolean).join(", run ");
  const holder = run === "" ? {} : { holder: run };
  const result = await runBackup({ config, vault, tier, acceptShrinkage, log, signal, ...holder });
  return {
    outputs: { made: "true", set: result.set, prefix: result.prefix, "stored-bytes": result.counts.storedBytes },
    page: backupPage(result),
  };
});

function periodInput(): Period | undefined {
  const given = optionalInput("once-per");
  const period = periods.find((known) => known === given);
  if (given === undefined || period !== undefined) return period;
  throw new ConfigurationError("usage", `The input once-per is '${given}'.`, `It is one of ${periods.join(", ")}.`);
}
