import type { RestoreResult } from "../../operations/restore/result.ts";
import type { RestoredWithFiles } from "../../operations/restore/run-restore-with-files.ts";
import type { FilesResult } from "../../operations/restore-files/files-result.ts";
import type { FolderResult } from "../../operations/restore-files/to-folder.ts";
import { restorationPage } from "../pages/restore.ts";
import { fileRestorationPage, folderPage, isGoodWithFiles, withFilesPage } from "../pages/restore-files.ts";
import type { ActionResult } from "../run/action-result.ts";
import { restorationFacts } from "../run/facts.ts";

// What a restore leaves for reports, and for the outputs of actions/restore/action.yml.

const next = "Look at each difference in what the run printed (its summary, in a job) before anybody uses the copy.";

export function reportRestore(result: RestoreResult): ActionResult {
  const good = result.outcome === "equal" || result.outcome === "dry-run";
  return {
    outputs: { set: result.set, outcome: result.outcome, "files-outcome": "" },
    ...{ page: restorationPage(result), facts: restorationFacts(result) },
    ...(good ? {} : failure(result.outcome, restorationPage(result).sentence)),
  };
}

export function reportRestoreWithFiles(both: RestoredWithFiles): ActionResult {
  const { database, files } = both;
  const page = withFilesPage(both);
  const outcome = ["equal", "dry-run"].includes(database.outcome) ? `files-${files.outcome}` : database.outcome;
  return {
    outputs: { set: database.set, outcome: database.outcome, "files-outcome": files.outcome },
    ...{ page, facts: restorationFacts(database) },
    ...(isGoodWithFiles(both) ? {} : failure(outcome, page.sentence)),
  };
}

export function reportFiles(result: FilesResult): ActionResult {
  const page = fileRestorationPage(result);
  const good = ["equal", "sampled", "dry-run"].includes(result.outcome);
  return {
    outputs: { "files-outcome": result.outcome },
    ...{ page, facts: { set: result.snapshot, outcome: result.outcome } },
    ...(good ? {} : failure(`files-${result.outcome}`, page.sentence)),
  };
}

export function reportFolder(result: FolderResult): ActionResult {
  const page = folderPage(result);
  return {
    outputs: { "files-outcome": result.outcome },
    ...{ page, facts: { set: result.snapshot, outcome: result.outcome } },
    ...(result.outcome === "differs" ? failure("files-differs", page.sentence) : {}),
  };
}

function failure(outcome: string, message: string): Pick<ActionResult, "failure"> {
  return { failure: { code: `restore-${outcome}`, message, next } };
}
