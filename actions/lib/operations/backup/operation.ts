import { z } from "zod";
import { periods } from "../../policy/period.ts";
import { tierSchema } from "../../vault/format/manifest.ts";
import { dryRun, field, flag } from "../field.ts";
import { backupNeeds, defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "backup",
  summary: "Makes one sealed, signed backup set in the vault.",
  details:
    "Reads DATABASE_URL, S3_BACKUP_BUCKET, the AWS_* settings, BACKUP_SIGNING_KEY and the public keys; see 'lifeboat check'. With --with-files also S3_STORAGE_BUCKET and SUPABASE_STORAGE_*.",
  inputs: z.object({
    tier: field(tierSchema, {
      value: "TIER",
      help: "the policy's tier that the set belongs to: daily, weekly (with the JSON export) or monthly (archived)",
    }),
    oncePer: field(z.enum(periods).optional(), {
      value: "PERIOD",
      help: "10h (the last ten hours), or day, week (from Sunday), month or month-from-sunday (its first) in UTC: makes no second set of the tier in the same one",
    }),
    again: flag("monthly, without once-per: make one even when the vault has this month's archive already", {
      // A workflow says once-per; a person who forgets it would pay for a second archive for a year.
      actionDefault: "true",
    }),
    withFiles: flag(
      "copy Storage's files too, as they are at the set's own moment (needs SUPABASE_STORAGE_* and S3_STORAGE_BUCKET)",
    ),
    acceptShrinkage: flag(
      "the database was made smaller on purpose, so that much less than in the last set only warns",
    ),
    ...dryRun,
  }),
  needs: ({ dryRun, withFiles }, env) =>
    dryRun ? backupNeeds(env) : ["source", "vault", "signing", ...when(withFiles, "storageVault", "sourceStorage")],
  writes: ["vault"],
  interrupted: {
    left: "What is not published yet is no set, and is visible nowhere.",
    next: "Run it again: it clears away what is left.",
  },
  runbook: "runbooks/backup-failed.md",
  reported: {
    ...{ label: "Backup", watched: true, workflows: ["backup"] },
    // The daily sets are what the RPO hangs on: a week's set that is there must not call off the alarm about them.
    aside: ({ tier }) => (tier === "weekly" || tier === "monthly" ? tier : undefined),
  },
  action: { folder: "backup-database", name: "Back up the database" },
  outputs: {
    made: "true when a set was made, false when the one that once-per asks for was there",
    set: "Id of the set, e.g. 20261122T221500Z-1a2b3c4d",
    prefix: "Where it lies in the bucket",
    "stored-bytes": "Bytes of the set in the vault",
    "nothing-to-do": "true when the set that once-per asks for was there, or the second of a day stood back",
  },
  async run(context, { tier, oncePer, again, withFiles, acceptShrinkage, dryRun }) {
    const { log, signal } = context;
    if (dryRun) {
      const { loadOperations } = await import("../catalogue.ts");
      const { reportRehearsal } = await import("./page.ts");
      // The preflight is all of a backup that leaves nothing in the vault. It is a verb of its own.
      const preflight = (await loadOperations()).find(({ name }) => name === "check");
      if (preflight === undefined) throw new Error("There is no verb that checks.");
      return reportRehearsal(await preflight.run(context, {}), tier);
    }
    const config = context.config("source", "vault", "signing");
    const vault = await context.vault();
    const { reportBackup, reportMade, reportStandBack } = await import("./page.ts");
    const period = oncePer ?? (tier === "monthly" && !again ? "month" : undefined);
    if (period !== undefined) {
      const { findMadeInPeriod, findStandBack } = await import("./earlier-sets.ts");
      const { releaseVerifier } = await import("../../vault/configured.ts");
      const ends = await releaseVerifier(config);
      const made = await findMadeInPeriod(vault, tier, period, await context.signers(), log, ends);
      if (made !== undefined) return reportMade(made, period, oncePer === undefined);
      const why =
        period === "10h" ? await findStandBack(vault, config.policy, await context.signers(), log) : undefined;
      if (why !== undefined) return reportStandBack(tier, why, log);
    }
    const formerKeys = withFiles ? await context.formerKeys() : undefined;
    const files = formerKeys && {
      former: formerKeys.formerSigning,
      files: {
        ...{ log, acceptShrinkage, ...formerKeys },
        config: context.config("source", "storageVault", "sourceStorage", "signing"),
        vault: await context.files(),
      },
    };
    const { runBackup } = await import("./run-backup.ts");
    const holder = context.holder === undefined ? {} : { holder: context.holder };
    const result = await runBackup({ config, vault, tier, acceptShrinkage, log, signal, ...holder, ...files });
    return reportBackup(result);
  },
});
