import { z } from "zod";
import { optional } from "../../config/environment.ts";
import { hasFilesVault } from "../../config/vault-location.ts";
import { field } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "publish",
  summary:
    "Commits what the run did, and what other runs could not say, to the branch reports, with its index page and charts.",
  onlyAction: "it tells of the other jobs of its run; 'lifeboat report' writes the same pages into a folder",
  inputs: z.object({
    jobs: field(z.string().default("{}"), { value: "JSON", help: "How the jobs before this one ended: toJSON(needs)" }),
    token: field(z.string().optional(), {
      value: "TOKEN",
      help: "The job's token: pushes to the branch (contents: write) and asks for runs that left no report (actions: read)",
      expression: "github.token",
    }),
  }),
  // Without a vault there is still what GitHub knows.
  needs: (_, env) =>
    optional(env, "S3_BACKUP_BUCKET") === undefined ? [] : ["vault", ...when(hasFilesVault(env), "storageVault")],
  retry: { attempts: 4, totalSeconds: 60, stallSeconds: 20 },
  writes: ["branch"],
  unrehearsed: "it runs when all else has ended, and 'lifeboat report' shows the pages without committing them",
  runbook: "runbooks/report-missing.md",
  reported: { label: "Publishing of reports" },
  action: { folder: "publish-report", name: "Publish the report" },
  outputs: {
    commit: "The commit that was pushed; empty when everything was there already",
    reports: "How many reports it brought",
  },
  run: async (context, inputs) => (await import("./run-publish.ts")).publish(context, inputs),
});
