import * as core from "@actions/core";
import { loadConfig } from "../lib/config/load.ts";
import { restorationPage } from "../lib/report/restoration.ts";
import { runRestore } from "../lib/restore/run-restore.ts";
import { booleanInput, optionalInput, runAction } from "../lib/runtime/run-action.ts";

await runAction("Restore", "runbooks/restore-failed.md", async ({ log, signal }) => {
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
    ...(good ? {} : { failure: page.sentence }),
  };
});
