import { loadConfig } from "../../actions/lib/config/load.ts";
import { verifySet } from "../../actions/lib/prove/verify.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { verificationPage } from "../../actions/lib/report/verification.ts";
import { openingKey, trustedSigners } from "../../actions/lib/runtime/configured.ts";
import { openVault } from "../../actions/lib/vault/client.ts";
import type { Call, Command, Outcome } from "./command.ts";

async function run({ positionals: [set = "latest"], flags, log }: Call): Promise<Outcome> {
  const deep = flags["deep"] === true;
  const opening = deep ? await loadConfig({ needs: ["vault", "opening"] }) : undefined;
  const config = opening ?? (await loadConfig({ needs: ["vault"] }));
  const privateKey = opening === undefined ? undefined : await openingKey(opening);
  using vault = openVault(config.vault);
  const options = { trustedSigners: await trustedSigners(config), deep, privateKey };
  const result = await verifySet(vault, set, options, log);
  const exitCode = result.outcome === "whole" ? 0 : 1;
  return { json: result, lines: renderText(verificationPage(result)), exitCode };
}

export const verify: Command = {
  usage: {
    synopsis: "verify <set|latest>",
    summary: "Reads a set again and compares every stored byte with its signed manifest; deep: opens it as well.",
    positionals: ["set|latest"],
    options: {
      deep: {
        type: "boolean",
        help: "open every artifact and compare it with the set's inventory (needs the private key)",
      },
    },
    details:
      "Reads S3_BACKUP_BUCKET and the AWS_* settings; with --deep also RESTORE_PRIVATE_KEY and RESTORE_PASSPHRASE.",
  },
  run,
};
