import { z } from "zod";
import { dryRun, field, target, whyRestored } from "../field.ts";
import { defineOperation } from "../operation.ts";

/** Which migrations a restored database is brought up to date with; the same for every verb that does it. */
export const migrationInputs = {
  migrations: field(z.string().min(1).optional(), {
    ...{
      value: "none|DIR",
      help: "folder of the Supabase CLI's migrations (migrate: default is the policy's; restore: none)",
    },
  }),
  migrationsRef: field(z.string().min(1).optional(), {
    ...{ value: "REF", help: "read that folder at a commit, branch or tag of the repository, not as it lies there" },
  }),
};

export default defineOperation({
  name: "migrate",
  summary:
    "Brings a restored database up to today's migrations, each with its note in the history, and says what may differ.",
  details: [
    "Reads TARGET_DATABASE_URL. What is missing in supabase_migrations.schema_migrations is applied in order, each file as one",
    "transaction; contents are compared too. One that fails leaves nothing, is named, and the same command goes on with it.",
    "Then the programs of the policy's recovery.migrations.own run, with DATABASE_URL for the restored database.",
  ].join("\n"),
  inputs: z.object({
    ...migrationInputs,
    ...target,
    production: field(z.string().optional(), {
      ...{ value: "REF", help: "the target is the project that the backups come from: its ref, typed" },
    }),
    ...whyRestored,
    ...dryRun,
  }),
  needs: () => ["target"],
  writes: ["target"],
  interrupted: {
    left: "Whole migrations are applied, each with its note in the history.",
    next: "Run the same command again: it goes on where it stopped.",
  },
  runbook: "runbooks/restore-failed.md",
  reported: { as: "restore" },
  async run(context, { migrations, migrationsRef, production, dryRun }) {
    const { migrate } = await import("./migrate.ts");
    const { migrationPage } = await import("./page.ts");
    const { log, signal } = context;
    const config = context.config("target");
    const asked = { asked: migrations, ref: migrationsRef };
    const result = await migrate({ config, asked, production, dryRun, log, signal });
    return { result, page: migrationPage(result, config.target.name) };
  },
});
