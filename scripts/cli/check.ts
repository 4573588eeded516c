import { loadConfig } from "../../actions/lib/config/load.ts";
import { runPreflight } from "../../actions/lib/preflight/run-preflight.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { preflightPage } from "../../actions/lib/report/preflight.ts";
import { openVault } from "../../actions/lib/vault/client.ts";
import type { Call, Command, Outcome } from "./command.ts";

async function run({ log, signal }: Call): Promise<Outcome> {
  const config = await loadConfig({ needs: ["source", "vault", "signing"] });
  using vault = openVault(config.vault);
  const { rows, ready } = await runPreflight(config, vault, log, signal);
  const exitCode = ready === undefined ? 2 : 0;
  return { json: { ready: ready !== undefined, checks: rows }, lines: renderText(preflightPage(rows)), exitCode };
}

export const check: Command = {
  usage: {
    synopsis: "check",
    summary: "Says whether a backup could run now, and what to do about what is not as it should be.",
    positionals: [],
    options: {},
    details:
      "Reads what a backup reads: DATABASE_URL, S3_BACKUP_BUCKET, the AWS_* settings, BACKUP_SIGNING_KEY, the public keys.",
  },
  run,
};
