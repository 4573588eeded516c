import { loadConfig } from "../../actions/lib/config/load.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { setListPage } from "../../actions/lib/report/set-list.ts";
import { trustedSigners } from "../../actions/lib/runtime/configured.ts";
import { verifyDetached } from "../../actions/lib/seal/signature.ts";
import { listSets } from "../../actions/lib/vault/catalogue.ts";
import { openVault } from "../../actions/lib/vault/client.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { readTier, tierOption } from "./tier.ts";

async function run({ values }: Call): Promise<Outcome> {
  const tier = readTier(values["tier"]);
  const config = await loadConfig({ needs: ["vault"] });
  const signers = await trustedSigners(config);
  using vault = openVault(config.vault);
  const sets = await listSets(vault, { tier, verify: (bytes, armored) => verifyDetached(bytes, armored, signers) });
  return { json: { bucket: vault.bucket, sets }, lines: renderText(setListPage(vault.bucket, sets)) };
}

export const list: Command = {
  usage: {
    synopsis: "list",
    summary: "Lists the backup sets of the vault, newest first.",
    positionals: [],
    options: { tier: tierOption("only the sets of this tier: daily, weekly or monthly") },
    details: "Reads S3_BACKUP_BUCKET and the AWS_* settings. Signatures are checked against the pinned signing keys.",
  },
  run,
};
