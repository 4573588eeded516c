import type { BackupResult } from "../../operations/backup/result.ts";
import { backupPage } from "../pages/backup.ts";
import type { ActionResult } from "../run/action-result.ts";
import { meddlingFailure } from "../run/action-result.ts";
import { backupFacts } from "../run/facts.ts";

const next = "Open the snapshot's findings with a private key; what fails a run is the policy's storage.failOn.";

/** A set was made; what was found in its files, or in the vault, may fail the run all the same. */
export function reportBackup(result: BackupResult): ActionResult {
  const found = result.files?.failure;
  const failure =
    meddlingFailure([...result.alarms, ...(result.files?.alarms ?? [])]) ??
    (typeof found === "string" ? { code: "files-found", message: found, next } : undefined);
  return {
    outputs: { made: "true", set: result.set, prefix: result.prefix, "stored-bytes": result.counts.storedBytes },
    ...{ page: backupPage(result), facts: backupFacts(result) },
    ...(failure !== undefined && { failure }),
  };
}
