import { loadConfig } from "../../actions/lib/config/load.ts";
import { comparisonPage } from "../../actions/lib/operations/prove/page.ts";
import { runProve } from "../../actions/lib/operations/prove/run-prove.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import type { Call, Command, Outcome } from "./command.ts";

async function run({ positionals: [ref = "latest"], flags, values, log, signal }: Call): Promise<Outcome> {
  const target = values["target"] ?? "default";
  const config = await loadConfig({ needs: ["vault", "opening", "target"], target });
  const files =
    flags["with-files"] === true ? await loadConfig({ needs: ["storageVault", "targetStorage"], target }) : undefined;
  const result = await runProve({ config, ref, files, log, signal });
  return { json: result, lines: renderText(comparisonPage(result)), exitCode: result.outcome === "equal" ? 0 : 1 };
}

export const prove: Command = {
  usage: {
    synopsis: "prove <set|latest>",
    summary: "Compares a database, restored or in use, with a set, and says equal or what differs. Writes nothing.",
    positionals: ["set|latest"],
    options: {
      target: {
        type: "string",
        value: "NAME",
        help: "a target that the policy names (what TARGET_* describes unless told)",
      },
      "with-files": { type: "boolean", help: "compare the files that belong to the set too" },
    },
    details: [
      "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY, RESTORE_PASSPHRASE and TARGET_DATABASE_URL; with",
      "--with-files S3_STORAGE_BUCKET and TARGET_STORAGE_* too. Any database may be compared, production too: sessions may only read.",
      "Of a project in use it says what changed since the set and what may be damage, as far as the database shows it.",
      "Exit code 0: equal. 1: something differs or could not be verified.",
    ].join("\n"),
  },
  run,
};
