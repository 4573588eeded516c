import { z } from "zod";
import { optional } from "../../config/environment.ts";
import { hasFilesVault } from "../../config/vault-location.ts";
import { field, flag } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "cost",
  summary:
    "Says what the policy costs a month, line by line, beside the owner's estimate, and when a limit is reached.",
  details: [
    "Prices are a dated extract of the public lists (actions/lib/policy/cost/prices.json). With S3_BACKUP_BUCKET and the AWS_* settings sizes",
    "come from the vault's manifests, with S3_STORAGE_BUCKET those of the files too; else from the branch reports, if it was fetched, else from",
    "cost.assumed of the policy. With --policy another policy's bill, and that of the workflows beside it, stands beside this one's: what a change",
    "costs in a year. Exit code 1: some part costs more than the policy's estimate.",
  ].join("\n"),
  inputs: z.object({
    policy: field(z.string().min(1).optional(), { value: "FILE", help: "compare with another policy: what if" }),
    months: field(z.coerce.number().int().min(1).max(120).default(12), {
      ...{ value: "N", help: "how far to look ahead (default: 12)", form: "a whole number from 1 to 120" },
    }),
    workflows: field(z.string().min(1).optional(), {
      ...{ value: "FOLDER", help: "where the schedules are (default: .github/workflows, beside each policy)" },
    }),
    picture: field(z.string().min(1).optional(), {
      ...{ value: "FILE", help: "write the months as an SVG, beside full copies" },
      only: { edge: "command", why: "a job has no place for it" },
    }),
    offline: flag("do not ask the vault"),
  }),
  needs: ({ offline }, env) => [
    ...when(!offline && optional(env, "S3_BACKUP_BUCKET") !== undefined, "vault"),
    ...when(!offline && hasFilesVault(env), "storageVault"),
  ],
  writes: ["folder"],
  unrehearsed: "it writes the picture that was asked for, and nothing else",
  runbook: "runbooks/costs.md",
  action: { folder: "cost", name: "The bill of a change" },
  outputs: {
    "usd-a-year": "What the policy costs in the twelve months to come, in US dollars",
    "more-a-year": "How much more than before the change; 0 without another policy",
    comment: "The page as Markdown, for a comment at the pull request",
  },
  async run(context, inputs) {
    return (await import("./run-cost.ts")).runCost(context, inputs);
  },
});
