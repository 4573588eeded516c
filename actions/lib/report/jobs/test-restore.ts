import { failureCode, isReport, type RestoreTestResult } from "../../operations/test-restore/result.ts";
import { restoreTestPage } from "../pages/test-restore.ts";
import type { ActionResult } from "../run/action-result.ts";
import { restoreTestFacts } from "../run/facts.ts";

const next = "The copy is gone from staging; run `lifeboat test-restore --set <set> --keep-hours 24` to look at one.";

/** What a restore test leaves for reports, and for the outputs of actions/test-restore/action.yml. */
export function reportRestoreTest(result: RestoreTestResult): ActionResult {
  const page = restoreTestPage(result);
  const { set, outcome } = result;
  if (!isReport(result)) return { outputs: { set, outcome }, page, facts: { set, outcome }, skipped: true };
  return {
    outputs: { set, outcome, proof: result.proof, "restore-seconds": String(result.restoreSeconds) },
    ...{ page, facts: restoreTestFacts(result) },
    ...(outcome === "proven" ? {} : { failure: { code: failureCode(result), message: page.sentence, next } }),
  };
}
