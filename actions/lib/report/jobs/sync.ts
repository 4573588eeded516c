import type { FanOutPlan, PartResult } from "../../operations/sync/fan-out/plan-store.ts";
import type { SyncResult } from "../../operations/sync/result.ts";
import type { SnapshotManifest } from "../../vault/format/snapshot-manifest.ts";
import { snapshotThere, syncPage } from "../pages/sync.ts";
import { partPage, planPage } from "../pages/sync-divided.ts";
import { type ActionResult, meddlingFailure } from "../run/action-result.ts";
import { filesFacts, snapshotFacts } from "../run/facts.ts";

// The jobs of the files' workflow: outputs by the names of actions/sync-storage/action.yml.

export function reportThere(made: SnapshotManifest): ActionResult {
  const outputs = { made: "false", snapshot: made.set, parts: "[]" };
  return { outputs, page: snapshotThere(made), facts: snapshotFacts(made), skipped: true };
}

export function reportPlan(plan: FanOutPlan, parts: readonly number[]): ActionResult {
  return {
    outputs: { made: "false", parts: JSON.stringify(parts) },
    page: planPage(plan, parts),
    facts: {},
    unfinished: true,
  };
}

export function reportPart(result: PartResult): ActionResult {
  return {
    outputs: { made: "false", "files-copied": String(result.filesCopied) },
    page: partPage(result),
    facts: {},
    unfinished: true,
  };
}

/** A snapshot was made; what was found in it may fail the job all the same. */
export function reportSnapshot(result: SyncResult): ActionResult {
  const { set, counts, alarms } = result;
  const made = { made: "true", snapshot: set, parts: "[]" };
  const next = "See the findings in the summary; the policy's storage.failOn says which of them fail a run.";
  const found = result.failure === null ? undefined : { code: "findings", message: result.failure, next };
  const failure = meddlingFailure(alarms) ?? found;
  return {
    outputs: { ...made, "files-copied": String(counts.filesCopied), "stored-bytes": counts.storedBytes },
    ...{ page: syncPage(result), facts: filesFacts(result) },
    ...(failure !== undefined && { failure }),
  };
}
