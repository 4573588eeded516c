import { loadConfig } from "../../actions/lib/config/load.ts";
import { keyCheckPage } from "../../actions/lib/operations/keys/check-page.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { checkKeys } from "../../actions/lib/seal/keys/pins.ts";
import type { Call, Outcome } from "./command.ts";

export async function check(_call: Call): Promise<Outcome> {
  const config = await loadConfig({ needs: [] });
  const { keys, backup } = config.policy;
  const keyring = await readKeyring(config.publicKeys.armored);
  const found = checkKeys(keyring, keys, new Date(), backup.warnBeforeKeyExpiryDays);
  const exitCode = found.findings.some(({ level }) => level === "error") ? 2 : 0;
  return { json: found, lines: renderText(keyCheckPage(found)), exitCode };
}
