import { ConfigurationError } from "../lib/base/errors.ts";
import { loadConfig } from "../lib/config/load.ts";
import { booleanInput, choiceInput, optionalInput, runAction } from "../lib/edge/run-action.ts";
import { runIdentity } from "../lib/edge/run-identity.ts";
import { commitRun, copyPart, type DividedRun, planRun } from "../lib/operations/sync/fan-out/divided-run.ts";
import { reportPart, reportPlan } from "../lib/operations/sync/fan-out/page.ts";
import { lookAtSnapshots } from "../lib/operations/sync/made-in-period.ts";
import { reportSnapshot, reportThere } from "../lib/operations/sync/outcome.ts";
import { runSync } from "../lib/operations/sync/run-sync.ts";
import { periods } from "../lib/policy/period.ts";
import { signingKey, trustedSigners } from "../lib/vault/configured.ts";
import { openVault } from "../lib/vault/s3/client.ts";

await runAction("sync", "runbooks/sync-failed.md", async ({ log, signal }) => {
  const work = choiceInput("work", ["all", "plan", "copy", "commit"]) ?? "all";
  const part = Number(optionalInput("part") ?? "0");
  if (work === "copy" && !(Number.isInteger(part) && part > 0)) {
    throw new ConfigurationError("usage", "The input part is no part's number.", "Take it from the outputs of plan.");
  }
  const period = choiceInput("once-per", periods);
  const config = await loadConfig({ needs: ["source", "storageVault", "sourceStorage", "signing"] });
  using vault = openVault(config.storageVault);
  const { tier, made } = await lookAtSnapshots(vault, period, await trustedSigners(config), log);
  if (made !== undefined) return reportThere(made);
  const { workflow, runId } = runIdentity(process.env);
  const holder = `${workflow}, run ${runId}`;
  const request = { config, tier, log, signal, holder, acceptShrinkage: booleanInput("accept-shrinkage") };
  if (work === "all") return reportSnapshot(await runSync({ ...request, vault }));
  const job: DividedRun = { request, vault, run: runId, holder, signing: await signingKey(config) };
  if (work === "copy") return reportPart(await copyPart(job, part));
  if (work === "commit") return reportSnapshot(await commitRun(job));
  const planned = await planRun(job);
  return planned.kind === "done" ? reportSnapshot(planned.result) : reportPlan(planned.plan, planned.parts);
});
