import type { Outcome } from "../../report/run/outcome.ts";
import type { FilesResult } from "./files-result.ts";
import { fileRestorationPage, folderPage } from "./page.ts";
import type { FolderResult } from "./to-folder.ts";

const next = "Look at each difference in what the run printed (its summary, in a job) before anybody uses the copy.";

export function reportFiles(result: FilesResult): Outcome {
  const page = fileRestorationPage(result);
  const good = ["equal", "sampled", "dry-run"].includes(result.outcome);
  return {
    outputs: { "files-outcome": result.outcome },
    ...{ page, facts: { set: result.snapshot, outcome: result.outcome } },
    ...(good ? {} : restoreFailure(`files-${result.outcome}`, page.sentence)),
  };
}

export function reportFolder(result: FolderResult): Outcome {
  const page = folderPage(result);
  return {
    outputs: { "files-outcome": result.outcome },
    ...{ page, facts: { set: result.snapshot, outcome: result.outcome } },
    ...(result.outcome === "differs" ? restoreFailure("files-differs", page.sentence) : {}),
  };
}

export function restoreFailure(outcome: string, message: string): Pick<Outcome, "failure"> {
  return { failure: { code: `restore-${outcome}`, message, next } };
}
