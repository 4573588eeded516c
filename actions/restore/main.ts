import * as core from "@actions/core";
import { loadConfig } from "../lib/config/load.ts";
import { restorationFacts } from "../lib/report/facts.ts";
import { restorationPage } from "../lib/report/restoration.ts";
import { runRestore } from "../lib/restore/run-restore.ts";
import { booleanInput, optionalInput, runAction } from "../lib/runtime/run-action.ts";

const afterRestore = "Look at each difference in the job's summary before anybody uses the copy.";

await runAction("restore", "runbooks/restore-failed.md", async ({ log, signal }) => {
  const ref = core.getInput("set", { required: true });
  const target = optionalInput("target") ?? "default";
  const config = await loadConfig({ needs: ["vault", "opening", "target"], target });
  const result = await runRestore({
    config,
    ref,
    dryRun: booleanInput("dry-run"),
    thaw: booleanInput("thaw"),
    log,
    signal,
  });
  const page = restorationPage(result);
  const good = result.outcome === "proven" || result.outcome === "dry-run";
  return {
    outputs: { set: result.set, outcome: result.outcome },
    page,
    facts: restorationFacts(result),
    ...(good ? {} : { failure: { code: `restore-${result.outcome}`, message: page.sentence, next: afterRestore } }),
  };
});
