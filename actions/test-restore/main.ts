import { loadConfig } from "../lib/config/load.ts";
import { restoreTestFacts } from "../lib/report/facts.ts";
import { restoreTestPage } from "../lib/report/restore-test.ts";
import { wipeStaging } from "../lib/restore-test/mark-staging.ts";
import { failureCode, isReport } from "../lib/restore-test/result.ts";
import { runRestoreTest } from "../lib/restore-test/run-restore-test.ts";
import { booleanInput, optionalInput, runAction } from "../lib/runtime/run-action.ts";

const afterTest =
  "The copy is gone from staging; run `lifeboat test-restore --set <set> --keep-hours 24` to look at one.";

await runAction("test", "runbooks/restore-test-failed.md", async ({ log, signal }) => {
  const { policy } = await loadConfig({ needs: [] });
  const target = policy.restoreTest.target;
  if (booleanInput("wipe")) {
    const wiped = await wipeStaging({ config: await loadConfig({ needs: ["target"], target }), log, signal });
    const sentence = `Staging ${wiped.projectRef}: ${wiped.outcome === "wiped" ? "emptied" : "empty already"}.`;
    return { outputs: { outcome: "wiped" }, page: { title: "Staging", sentence, tables: [] }, facts: {} };
  }
  const result = await runRestoreTest({
    config: await loadConfig({ needs: ["vault", "opening", "target"], target }),
    set: optionalInput("set"),
    seed: optionalInput("seed"),
    oncePerMonth: booleanInput("once-per-month"),
    waitForThaw: booleanInput("wait-for-thaw"),
    log,
    signal,
  });
  const page = restoreTestPage(result);
  const { set, outcome } = result;
  if (!isReport(result)) {
    log.info(page.sentence);
    return { outputs: { set, outcome }, page, facts: { set, outcome }, skipped: true };
  }
  return {
    outputs: { set, outcome, proof: result.proof, "restore-seconds": String(result.restoreSeconds) },
    page,
    facts: restoreTestFacts(result),
    ...(outcome === "proven"
      ? {}
      : { failure: { code: failureCode(result), message: page.sentence, next: afterTest } }),
  };
});
