import { loadConfig } from "../../actions/lib/config/load.ts";
import { abandonRestore } from "../../actions/lib/operations/restore/abandon-restore.ts";
import { reportRestore, reportRestoreWithFiles } from "../../actions/lib/operations/restore/outcome.ts";
import { abandonedPage } from "../../actions/lib/operations/restore/page.ts";
import { runRestore } from "../../actions/lib/operations/restore/run-restore.ts";
import { runRestoreWithFiles } from "../../actions/lib/operations/restore/run-restore-with-files.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { type Call, type Command, dryRun, type Outcome } from "./command.ts";

async function run({ positionals: [named], flags, values, log, signal }: Call): Promise<Outcome> {
  const target = values["target"] ?? "default";
  const ref = named ?? "latest";
  if (flags["abandon"] === true) {
    const config = await loadConfig({ needs: ["target"], target });
    const told = { set: named, dryRun: flags["dry-run"] === true, production: values["production"] };
    const result = await abandonRestore({ config, ...told, log, signal });
    return { json: result, lines: renderText(abandonedPage(result)) };
  }
  const request = {
    ref,
    dryRun: flags["dry-run"] === true,
    thaw: flags["thaw"] === true,
    production: values["production"],
    log,
    signal,
  };
  if (flags["with-files"] === true) {
    const config = await loadConfig({ needs: ["vault", "storageVault", "opening", "target", "targetStorage"], target });
    const both = await runRestoreWithFiles({ ...request, config });
    const job = reportRestoreWithFiles(both);
    return { json: { ...both.database, files: both.files }, lines: renderText(job.page), job };
  }
  const config = await loadConfig({ needs: ["vault", "opening", "target"], target });
  const result = await runRestore({ ...request, config });
  const job = reportRestore(result);
  return { json: result, lines: renderText(job.page), job };
}

export const restore: Command = {
  usage: {
    synopsis: "restore <set|latest>",
    withoutPositionals: "abandon",
    summary: "Restores a set into an empty database and compares the result with what was backed up.",
    positionals: ["set|latest"],
    options: {
      target: {
        type: "string",
        value: "NAME",
        help: "a target that the policy names (what TARGET_* describes unless told)",
      },
      "with-files": {
        type: "boolean",
        help: "then bring back the files that belong to the set, as restore-files does",
      },
      thaw: { type: "boolean", help: "bring an archived set back first and wait for it, which may take hours" },
      abandon: {
        type: "boolean",
        help: "give an unfinished restore up: takes our notes out of the target, and nothing else (needs no set)",
      },
      production: { type: "string", value: "REF", help: "the target is the set's own project: its ref, typed" },
      ...dryRun,
    },
    details: [
      "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY, RESTORE_PASSPHRASE and TARGET_DATABASE_URL.",
      "The target is an empty Supabase project, as postgres, or an empty database of plain PostgreSQL, as superuser. A",
      "target that is not empty is refused. An interrupted restore is taken up by running it again, within seven days and",
      "as long as nobody else has written to the target; --abandon gives it up.",
      "With --with-files it reads S3_STORAGE_BUCKET and TARGET_STORAGE_* too; see 'lifeboat restore-files --help'.",
    ].join("\n"),
  },
  reported: { operation: "restore", runbook: "runbooks/restore-failed.md" },
  run,
};
