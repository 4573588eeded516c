import { ConfigurationError } from "../lib/base/errors.ts";
import { loadConfig } from "../lib/config/load.ts";
import { booleanInput, optionalInput, runAction } from "../lib/edge/run-action.ts";
import { reportRestore, reportRestoreWithFiles } from "../lib/operations/restore/outcome.ts";
import { runRestore } from "../lib/operations/restore/run-restore.ts";
import { runRestoreWithFiles } from "../lib/operations/restore/run-restore-with-files.ts";

await runAction("restore", "runbooks/restore-failed.md", async ({ log, signal }) => {
  const ref = optionalInput("set");
  if (ref === undefined)
    throw new ConfigurationError("usage", "The input set is not given.", "Give a set's id, or latest.");
  const target = optionalInput("target") ?? "default";
  const [dryRun, thaw, production] = [booleanInput("dry-run"), booleanInput("thaw"), optionalInput("production")];
  const request = { ref, dryRun, thaw, production, log, signal };
  if (booleanInput("with-files")) {
    const config = await loadConfig({ needs: ["vault", "storageVault", "opening", "target", "targetStorage"], target });
    return reportRestoreWithFiles(await runRestoreWithFiles({ ...request, config }));
  }
  const config = await loadConfig({ needs: ["vault", "opening", "target"], target });
  return reportRestore(await runRestore({ ...request, config }));
});
