import { loadConfig } from "../../actions/lib/config/load.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { restorationPage } from "../../actions/lib/report/restoration.ts";
import { runRestore } from "../../actions/lib/restore/run-restore.ts";
import { type Call, type Command, dryRun, type Outcome } from "./command.ts";

async function run({ positionals: [ref = "latest"], flags, values, log, signal }: Call): Promise<Outcome> {
  const config = await loadConfig({ needs: ["vault", "opening", "target"], target: values["target"] ?? "default" });
  const result = await runRestore({
    config,
    ref,
    dryRun: flags["dry-run"] === true,
    thaw: flags["thaw"] === true,
    log,
    signal,
  });
  const exitCode = result.outcome === "proven" || result.outcome === "dry-run" ? 0 : 1;
  return { json: result, lines: renderText(restorationPage(result)), exitCode };
}

export const restore: Command = {
  usage: {
    synopsis: "restore <set|latest>",
    summary: "Restores a set into an empty database and compares the result with what was backed up.",
    positionals: ["set|latest"],
    options: {
      target: {
        type: "string",
        value: "NAME",
        help: "a target that the policy names (what TARGET_* describes unless told)",
      },
      thaw: { type: "boolean", help: "bring an archived set back first and wait for it, which may take hours" },
      ...dryRun,
    },
    details: [
      "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY, RESTORE_PASSPHRASE and TARGET_DATABASE_URL.",
      "The target is an empty Supabase project, as postgres, or an empty database of plain PostgreSQL, as superuser. A",
      "target that is not empty is refused. An interrupted restore is taken up by running it again.",
    ].join("\n"),
  },
  run,
};
