import { loadConfig } from "../lib/config/load.ts";
import { restorationFacts } from "../lib/report/facts.ts";
import { isGoodWithFiles, withFilesPage } from "../lib/report/file-restoration.ts";
import type { Page } from "../lib/report/page.ts";
import { restorationPage } from "../lib/report/restoration.ts";
import { runRestoreWithFiles } from "../lib/restore/files/run-restore-with-files.ts";
import type { RestoreResult } from "../lib/restore/result.ts";
import { runRestore } from "../lib/restore/run-restore.ts";
import { ConfigurationError } from "../lib/runtime/errors.ts";
import { booleanInput, optionalInput, runAction } from "../lib/runtime/run-action.ts";

const afterRestore = "Look at each difference in the job's summary before anybody uses the copy.";

await runAction("restore", "runbooks/restore-failed.md", async ({ log, signal }) => {
  const ref = optionalInput("set");
  if (ref === undefined)
    throw new ConfigurationError("usage", "The input set is not given.", "Give a set's id, or latest.");
  const target = optionalInput("target") ?? "default";
  const [dryRun, thaw, production] = [booleanInput("dry-run"), booleanInput("thaw"), optionalInput("production")];
  const request = { ref, dryRun, thaw, production, log, signal };
  if (booleanInput("with-files")) {
    const config = await loadConfig({ needs: ["vault", "storageVault", "opening", "target", "targetStorage"], target });
    const both = await runRestoreWithFiles({ ...request, config });
    return told(both.database, withFilesPage(both), isGoodWithFiles(both), both.files.outcome);
  }
  const config = await loadConfig({ needs: ["vault", "opening", "target"], target });
  const result = await runRestore({ ...request, config });
  return told(result, restorationPage(result), result.outcome === "equal" || result.outcome === "dry-run");
});

function told(result: RestoreResult, page: Page, good: boolean, files = "") {
  const outcome = ["equal", "dry-run"].includes(result.outcome) && files !== "" ? `files-${files}` : result.outcome;
  return {
    outputs: { set: result.set, outcome: result.outcome, "files-outcome": files },
    page,
    facts: restorationFacts(result),
    ...(good ? {} : { failure: { code: `restore-${outcome}`, message: page.sentence, next: afterRestore } }),
  };
}
