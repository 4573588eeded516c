import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { dryRun, field, flag, whyRestored } from "../field.ts";
import { defineOperation } from "../operation.ts";

export default defineOperation({
  name: "test-restore",
  summary: "Restores a set into the staging project, checks whether the application works with it, and signs a proof.",
  details: [
    "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY and RESTORE_PASSPHRASE of the prover key, and the",
    "variables of the policy's restoreTest.target (STAGING_DATABASE_URL, STAGING_PROJECT_REF, STAGING_API_URL). With",
    "SUPABASE_ACCESS_TOKEN it wakes a paused project, sees whether the data has room, and switches off mail and hooks.",
    "Nothing is touched unless staging's ref stands in the policy, is not production's, and its database bears the marker.",
  ].join("\n"),
  inputs: z.object({
    set: field(z.string().optional(), {
      ...{ value: "SET", help: "this set, or latest (default: the newest, an older one and an archive in rotation)" },
    }),
    oncePerMonth: flag("do nothing when the vault has a proof of this month already"),
    seed: field(z.string().optional(), {
      ...{ value: "HEX", help: "plant the defect that this seed of 8 hex digits chooses (default: by chance)" },
    }),
    keepHours: field(z.coerce.number().min(0).max(720).optional(), {
      value: "N",
      help: "leave a proven copy in staging so long (default: the policy's)",
      form: "a number of hours from 0 to 720",
    }),
    thaw: flag("wait until an archive is back from Glacier, which may take hours; else it is left for a later run"),
    wipe: flag("only empty staging of what an earlier test left there"),
    markStaging: field(z.string().optional(), {
      value: "REF",
      help: "make the empty project REF staging: tests will empty it",
      only: { edge: "command", why: "a person says once, at a terminal, which project may be emptied" },
    }),
    ...whyRestored,
    ...dryRun,
  }),
  needs: ({ wipe, markStaging }) =>
    wipe ? ["vault", "target"] : markStaging !== undefined ? ["target"] : ["vault", "opening", "target"],
  target: (_, policy) => policy.restoreTest.target,
  refuse({ set, wipe, markStaging }) {
    if ([set !== undefined, wipe, markStaging !== undefined].filter(Boolean).length < 2) return;
    const what = "set, wipe and mark-staging are three different things.";
    throw new ConfigurationError("usage", what, "Give one.");
  },
  writes: ["target", "vault"],
  forgets: ({ markStaging }) => (markStaging === undefined ? "empties staging" : undefined),
  interrupted: {
    left: "Staging may hold a part of a set.",
    next: "Run it again: it empties staging first.",
  },
  runbook: "runbooks/restore-test-failed.md",
  reported: { as: "test", label: "Restore test", watched: true, workflows: ["restore-test"] },
  action: { folder: "test-restore", name: "Test a restore" },
  outputs: {
    set: "Id of the set that was tested",
    outcome: "proven, failed, unverified, thawing, nothing-to-do or wiped",
    proof: "Key of the signed proof in the vault",
    "restore-seconds": "What the restore took, from the set's first byte to the end of the comparison",
    "nothing-to-do": "true when the month has its proof, or an archive is still being brought back",
  },
  async run(context, { wipe, markStaging: ref, thaw, set, seed, keepHours, oncePerMonth, dryRun }) {
    const { log, signal } = context;
    const request = { dryRun, log, signal };
    if (wipe || ref !== undefined) {
      const { markStaging, wipeStaging } = await import("./staging/mark-staging.ts");
      const { reportMark, reportWipe } = await import("./page.ts");
      const config = context.config("target");
      if (ref === undefined)
        return reportWipe(await wipeStaging({ ...request, config, gate: await context.incidentGate() }));
      return reportMark(await markStaging(ref, { ...request, config }));
    }
    const { runRestoreTest } = await import("./run-restore-test.ts");
    const { reportRestoreTest } = await import("./page.ts");
    const config = context.config("vault", "opening", "target");
    const chosen = { set, seed, keepHours, oncePerMonth, waitForThaw: thaw, gate: await context.incidentGate() };
    const result = await runRestoreTest({ ...request, ...chosen, config, vault: await context.vault() });
    return { result, ...reportRestoreTest(result) };
  },
});
