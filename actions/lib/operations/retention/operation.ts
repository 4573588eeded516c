import { z } from "zod";
import { setIdPattern } from "../../vault/format/manifest.ts";
import { dryRun, field, flag, why } from "../field.ts";
import { defineOperation, vaultNeeds, when } from "../operation.ts";

export default defineOperation({
  name: "retention",
  summary:
    "Removes from the vaults what the policy no longer keeps and what unfinished runs left, says why the rest stays, and extends the files' locks. The workflow `retention` does it twice a week.",
  details:
    "Reads S3_BACKUP_BUCKET, S3_STORAGE_BUCKET (one of them is enough), the AWS_* settings and the public keys; with --replica S3_REPLICA_* too.",
  inputs: z.object({
    ...why,
    ...dryRun,
    explain: field(z.string().regex(setIdPattern).optional(), {
      help: "say why this set, or snapshot of the files, stays or goes; removes nothing",
      value: "SET",
      form: "a set's id, as `lifeboat list` names it",
    }),
    replica: flag(
      "in the replica instead, what the vault's retention removed some days ago (replica.removedAfterDays in the policy); with a role of its own",
    ),
  }),
  needs: ({ replica }, env) => [...when(replica, "replica", "vault"), ...vaultNeeds(env)],
  writes: ["vault"],
  looks: ({ explain }) => explain !== undefined,
  forgets: ({ explain }) => (explain === undefined ? "removes what the policy no longer keeps" : undefined),
  interrupted: {
    left: "Every set and every snapshot of the files that is there is whole.",
    next: "Run it again: it finishes what is left.",
  },
  runbook: "runbooks/retention.md",
  reported: { label: "Retention", workflows: ["retention"] },
  action: { folder: "apply-retention", name: "Apply retention" },
  async run(context, { dryRun, explain, replica: ofReplica }) {
    const { manifestVerifier, noteSigner, provenBy, releaseVerifier } = await import("../../vault/configured.ts");
    const { applyRetention } = await import("./apply-retention.ts");
    const { reportRetention } = await import("./page.ts");
    const { explainSet } = await import("./explain.ts");
    const config = context.config();
    const looks = dryRun || explain !== undefined;
    const options = {
      ...{ policy: config.policy, log: context.log, dryRun: looks, explain },
      database: context.has("vault") ? await context.vault() : null,
      files: context.has("storageVault") ? await context.files() : null,
      verify: await manifestVerifier(config),
      verifyProof: await provenBy(config),
      verifyRelease: await releaseVerifier(config),
      sign: await noteSigner(context.env),
    };
    const replica = ofReplica ? await context.replica() : undefined;
    const { database } = options;
    const done =
      replica !== undefined && database !== null
        ? await (await import("./apply-replica.ts")).applyReplicaRetention({ ...options, replica, database })
        : await applyRetention(options);
    if (explain !== undefined) return explainSet(done, explain);
    const told = reportRetention(done, looks);
    return ofReplica && told.page ? { ...told, page: { ...told.page, title: "Retention of the replica" } } : told;
  },
});
