import { z } from "zod";
import { optional } from "../../config/environment.ts";
import { dryRun } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "retention",
  summary:
    "Removes from the vaults what unfinished runs left and what the policy no longer keeps, and extends the files' locks. The workflow `retention` does it twice a week.",
  details: "Reads S3_BACKUP_BUCKET, S3_STORAGE_BUCKET (one of them is enough), the AWS_* settings and the public keys.",
  inputs: z.object(dryRun),
  needs(_, env) {
    const files = optional(env, "S3_STORAGE_BUCKET") !== undefined;
    return [
      ...when(files, "storageVault"),
      ...when(!files || optional(env, "S3_BACKUP_BUCKET") !== undefined, "vault"),
    ];
  },
  writes: ["vault"],
  forgets: () => "removes what the policy no longer keeps",
  interrupted: {
    left: "Snapshots that the policy keeps are whole.",
    next: "Run it again: it finishes what is left.",
  },
  runbook: "runbooks/vault-meddled.md",
  reported: { label: "Retention", workflows: ["retention"] },
  action: { folder: "apply-retention", name: "Apply retention" },
  async run(context, { dryRun }) {
    const { manifestVerifier, noteSigner } = await import("../../vault/configured.ts");
    const { applyRetention } = await import("./apply-retention.ts");
    const { reportRetention } = await import("./page.ts");
    const config = context.config();
    const done = await applyRetention({
      ...{ policy: config.policy, log: context.log, dryRun },
      database: context.has("vault") ? await context.vault() : null,
      files: context.has("storageVault") ? await context.files() : null,
      verify: await manifestVerifier(config),
      sign: await noteSigner(context.env),
    });
    return reportRetention(done, dryRun);
  },
});
