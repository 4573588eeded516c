import { loadConfig } from "../lib/config/load.ts";
import { verifySet } from "../lib/prove/verify.ts";
import { verificationFacts } from "../lib/report/facts.ts";
import { verificationPage } from "../lib/report/verification.ts";
import { openingKey, trustedSigners } from "../lib/runtime/configured.ts";
import { booleanInput, optionalInput, runAction } from "../lib/runtime/run-action.ts";
import { openVault } from "../lib/vault/client.ts";

const afterVerification = "Do not rely on this set: make another, and look at the findings in the job's summary.";

await runAction("verify", "runbooks/verification-failed.md", async ({ log }) => {
  const set = optionalInput("set") ?? "latest";
  const deep = booleanInput("deep");
  const opening = deep ? await loadConfig({ needs: ["vault", "opening"] }) : undefined;
  const config = opening ?? (await loadConfig({ needs: ["vault"] }));
  const privateKey = opening === undefined ? undefined : await openingKey(opening);
  using vault = openVault(config.vault);
  const result = await verifySet(vault, set, { trustedSigners: await trustedSigners(config), deep, privateKey }, log);
  const page = verificationPage(result);
  return {
    outputs: { set: result.set, outcome: result.outcome },
    page,
    facts: verificationFacts(result),
    ...(result.outcome === "whole"
      ? {}
      : { failure: { code: `verify-${result.outcome}`, message: page.sentence, next: afterVerification } }),
  };
});
