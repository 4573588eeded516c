import { z } from "zod";
import { dryRun, field, from, target } from "../field.ts";
import { defineOperation } from "../operation.ts";

export default defineOperation({
  name: "export",
  summary: "Loads one table of a weekly set's JSON export into an empty table and compares it with the set.",
  details: [
    "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY, RESTORE_PASSPHRASE and TARGET_DATABASE_URL.",
    "The table has to be there, empty, with exactly the columns that it had. One transaction: all rows or none.",
  ].join("\n"),
  inputs: z.object({
    action: field(z.enum(["load"]), { positional: true, help: "what to do with the export" }),
    set: field(z.string(), { positional: true, value: "set|latest", help: "id of the set, or latest" }),
    table: field(z.string(), {
      value: "TABLE",
      help: `which table: schema.table; "schema"."table" in double quotes where names hold dots`,
    }),
    ...target,
    ...from,
    production: field(z.string().optional(), {
      ...{ value: "REF", help: "the target is the set's own project: its ref, typed" },
    }),
    ...dryRun,
  }),
  needs: () => ["vault", "opening", "target"],
  writes: ["target", "vault"],
  interrupted: {
    left: "The target holds a part of what it should: use it for nothing yet.",
    next: "Run the same command again: it goes on where it stopped.",
  },
  runbook: "runbooks/restore-failed.md",
  reported: { as: "restore" },
  async run(context, { set: ref, table, dryRun, production }) {
    const { runExportLoad } = await import("./run-export-load.ts");
    const { exportLines } = await import("./run-export-load.ts");
    const { log, signal } = context;
    const config = context.config("vault", "opening", "target");
    const result = await runExportLoad({
      config,
      vault: await context.vault(),
      ref,
      table,
      dryRun,
      production,
      log,
      signal,
    });
    return { result, lines: exportLines(result, config.target.name) };
  },
});
