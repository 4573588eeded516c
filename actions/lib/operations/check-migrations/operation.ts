import { z } from "zod";
import { optional } from "../../config/environment.ts";
import { field } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "check-migrations",
  summary:
    "Runs the new migrations of a change on a database without rows, and says what they make unrecoverable and lock.",
  details: [
    "CHECK_DATABASE_URL is a superuser's, of a PostgreSQL server that holds nothing and is thrown away: a database is made on it",
    "with the schema before the change, and dropped. With S3_BACKUP_BUCKET and the AWS_* settings the newest sets are named.",
    "The workflow migrations.yml does it for each pull request, without any secret. Exit code 1: a migration cannot be applied.",
  ].join("\n"),
  inputs: z.object({
    migrations: field(z.string().min(1).optional(), {
      ...{
        value: "DIR",
        help: "folder of the Supabase CLI's migrations (default: the policy's recovery.migrations.folder)",
      },
    }),
    base: field(z.string().min(1).default("origin/main"), {
      ...{ value: "REF", help: "commit, branch or tag of the repository that the change is to be merged into" },
    }),
  }),
  needs: (_, env) => when(optional(env, "S3_BACKUP_BUCKET") !== undefined, "vault"),
  writes: [],
  runbook: "runbooks/restore-failed.md",
  action: { folder: "check-migrations", name: "Check the migrations of a change" },
  outputs: {
    outcome: "none, nothing-lost, loses, refused or unclear",
    comment: "The page as Markdown, for a comment at the pull request",
  },
  async run(context, { migrations, base }) {
    const { runCheck } = await import("./run-check.ts");
    return runCheck(context, { migrations, base });
  },
});
