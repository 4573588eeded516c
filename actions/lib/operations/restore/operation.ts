import { z } from "zod";
import { dryRun, field, flag, from, target, whyRestored } from "../field.ts";
import { migrationInputs } from "../migrate/operation.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "restore",
  summary: "Restores a set into an empty database and compares the result with what was backed up.",
  details: [
    "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY, RESTORE_PASSPHRASE and TARGET_DATABASE_URL.",
    "The target is an empty Supabase project, as postgres, or an empty database of plain PostgreSQL, as superuser. A",
    "target that is not empty is refused. An interrupted restore is taken up by running it again, within seven days and",
    "as long as nobody else has written to the target; --abandon gives it up.",
    "With --with-files it reads S3_STORAGE_BUCKET and TARGET_STORAGE_* too; see 'lifeboat restore-files --help'.",
  ].join("\n"),
  inputs: z.object({
    set: field(z.string().optional(), {
      ...{ positional: true, unless: "abandon", value: "set|latest", help: "id of the set, or latest" },
    }),
    ...target,
    ...from,
    withFiles: flag("then bring back the files that belong to the set, as restore-files does"),
    thaw: flag("bring an archived set back from Glacier first and wait for it, which may take hours and costs money"),
    ...migrationInputs,
    abandon: flag("give an unfinished restore up: takes our notes out of the target, and nothing else (needs no set)", {
      only: { edge: "command", why: "who gives a restore up has looked at what stays in the target" },
    }),
    production: field(z.string().optional(), {
      ...{ value: "REF", help: "the target is the set's own project: its ref, typed" },
    }),
    ...whyRestored,
    ...dryRun,
  }),
  needs: ({ abandon, withFiles }) =>
    abandon ? ["vault", "target"] : ["vault", "opening", "target", ...when(withFiles, "storageVault", "targetStorage")],
  writes: ["target", "vault"],
  forgets: ({ abandon }) =>
    abandon ? "takes the notes of an unfinished restore out of its target (--abandon)" : undefined,
  interrupted: {
    left: "The target holds a part of what it should: use it for nothing yet.",
    next: "Run the same command again: it goes on where it stopped.",
  },
  runbook: "runbooks/restore-failed.md",
  reported: { label: "Restore", watched: true, workflows: ["restore"] },
  action: { folder: "restore", name: "Restore a backup set" },
  outputs: {
    set: "Id of the set that was restored",
    outcome: "equal, differs, unverified or dry-run",
    "files-outcome": "equal, sampled, differs, unverified or dry-run; empty without with-files",
  },
  async run(context, { set, withFiles, thaw, abandon, production, dryRun, migrations, migrationsRef }) {
    const { log, signal } = context;
    if (abandon) {
      const { abandonRestore } = await import("./abandon-restore.ts");
      const { abandonedPage } = await import("./page.ts");
      const gate = await context.incidentGate();
      const config = context.config("target");
      const result = await abandonRestore({ config, set, dryRun, production, gate, log, signal });
      return { result, page: abandonedPage(result) };
    }
    const request = { ref: set ?? "latest", dryRun, thaw, production, log, signal };
    const { migrationsFor } = await import("../migrate/bring-up-to-date.ts");
    // Without the option a restore ends with what the set holds, and is compared with it.
    const asked = { asked: migrations ?? "none", ref: migrationsRef };
    const { reportRestore, reportRestoreWithFiles } = await import("./page.ts");
    if (withFiles) {
      const { runRestoreWithFiles } = await import("./run-restore-with-files.ts");
      const config = context.config("vault", "storageVault", "opening", "target", "targetStorage");
      const vaults = { vault: await context.vault(), snapshots: await context.files() };
      const both = await runRestoreWithFiles({
        ...{ ...request, ...vaults, config, migrations: migrationsFor(config.policy, asked) },
      });
      return { result: { ...both.database, files: both.files }, ...reportRestoreWithFiles(both) };
    }
    const { runRestore } = await import("./run-restore.ts");
    const config = context.config("vault", "opening", "target");
    const result = await runRestore({
      ...{ ...request, vault: await context.vault(), config, migrations: migrationsFor(config.policy, asked) },
    });
    return { result, ...reportRestore(result) };
  },
});
