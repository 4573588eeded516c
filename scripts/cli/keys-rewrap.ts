import { loadConfig } from "../../actions/lib/config/load.ts";
import { rewrapSets } from "../../actions/lib/operations/keys/rewrap.ts";
import { rewrapPage } from "../../actions/lib/operations/keys/rewrap-page.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { pinnedKeys } from "../../actions/lib/seal/keys/pins.ts";
import { openingKey, signingKey } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import type { Call, Outcome } from "./command.ts";

export async function rewrap({ values, flags, log, signal }: Call): Promise<Outcome> {
  const config = await loadConfig({ needs: ["vault", "opening", "signing"] });
  const { recipients, signers } = pinnedKeys(await readKeyring(config.publicKeys.armored), config.policy.keys);
  const { set } = values;
  using vault = openVault(config.vault);
  const rows = await rewrapSets({
    vault,
    sets: set === undefined ? undefined : [set],
    privateKey: await openingKey(config),
    recipients,
    signingKey: await signingKey(config),
    trusted: signers,
    dryRun: flags["dry-run"] === true,
    log,
    signal,
  });
  const exitCode = rows.some(({ outcome }) => outcome === "failed") ? 1 : 0;
  return { json: { sets: rows }, lines: renderText(rewrapPage(rows)), exitCode };
}
