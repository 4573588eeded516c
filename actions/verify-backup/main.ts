import { loadConfig } from "../lib/config/load.ts";
import { booleanInput, optionalInput, runAction } from "../lib/edge/run-action.ts";
import { reportVerification } from "../lib/operations/verify/outcome.ts";
import { verifySet } from "../lib/operations/verify/verify.ts";
import { openingKey, trustedSigners } from "../lib/vault/configured.ts";
import { openVault } from "../lib/vault/s3/client.ts";

await runAction("verify", "runbooks/verification-failed.md", async ({ log, signal }) => {
  const set = optionalInput("set") ?? "latest";
  const deep = booleanInput("deep");
  const opening = deep ? await loadConfig({ needs: ["vault", "opening"] }) : undefined;
  const config = opening ?? (await loadConfig({ needs: ["vault"] }));
  const privateKey = opening === undefined ? undefined : await openingKey(opening);
  using vault = openVault(config.vault);
  const result = await verifySet(
    vault,
    set,
    { trustedSigners: await trustedSigners(config), deep, privateKey, signal },
    log,
  );
  return reportVerification(result);
});
