import * as core from "@actions/core";
import { runBackup } from "../lib/backup/run-backup.ts";
import { loadConfig } from "../lib/config/load.ts";
import { backupPage } from "../lib/report/backup.ts";
import { ConfigurationError } from "../lib/runtime/errors.ts";
import { booleanInput, runAction } from "../lib/runtime/run-action.ts";

await runAction("Backup", "runbooks/backup-failed.md", async ({ log, signal }) => {
  const tier = core.getInput("tier", { required: true });
  if (tier !== "daily" && tier !== "weekly") {
    throw new ConfigurationError("usage", `The input tier is '${tier}'.`, "It is daily or weekly.");
  }
  const acceptShrinkage = booleanInput("accept-shrinkage");
  const config = await loadConfig({ needs: ["source", "vault", "signing"] });
  const run = [process.env["GITHUB_WORKFLOW"], process.env["GITHUB_RUN_ID"]].filter(Boolean).join(", run ");
  const holder = run === "" ? {} : { holder: run };
  const result = await runBackup({ config, tier, acceptShrinkage, log, signal, ...holder });
  return {
    outputs: { set: result.set, prefix: result.prefix, "stored-bytes": result.counts.storedBytes },
    page: backupPage(result),
  };
});
