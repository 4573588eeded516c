import { loadConfig } from "../lib/config/load.ts";
import { booleanInput, optionalInput, runAction } from "../lib/edge/run-action.ts";
import { reportRestoreTest } from "../lib/operations/test-restore/outcome.ts";
import { runRestoreTest } from "../lib/operations/test-restore/run-restore-test.ts";
import { wipeStaging } from "../lib/operations/test-restore/staging/mark-staging.ts";

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
  const job = reportRestoreTest(result);
  if (job.skipped === true) log.info(job.page.sentence);
  return job;
});
