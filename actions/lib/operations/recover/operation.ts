import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { hasFilesVault, hasReplica } from "../../config/vault-location.ts";
import { field, flag, reason, reasonField, whyRestored } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "recover",
  summary: "Brings a lost project back, phase by phase against the clock, and says what a person still has to do.",
  details: [
    "database-failure    takes the database back to a moment (--at) by Supabase's point-in-time recovery. Called done only by proof",
    "                    from inside; when that does not come, says what is left, and what each way loses. --plan-b start brings",
    "                    the newest set into a new project beside it. Reads DATABASE_URL too; Supabase's status page",
    "                    (SUPABASE_STATUS_URL) is looked at first.",
    "complete-loss       makes a Supabase project (or takes a target that a person has made: --target), waits until it really",
    "                    answers, restores the newest set that can be used with its files, compares everything, runs the",
    "                    application's checks and hands over. Needs SUPABASE_ACCESS_TOKEN, and recovery.organization in the policy.",
    "regional-disaster   the same from the replica, into another region (--region).",
    "Reads S3_BACKUP_BUCKET, S3_STORAGE_BUCKET (S3_REPLICA_* for a regional disaster), the AWS_* settings, RESTORE_PRIVATE_KEY and",
    "RESTORE_PASSPHRASE. A run that was killed is taken up by the same command. Cron jobs, webhooks and all that may speak to",
    "others stay off until --switch-on. Nothing is deleted but, when somebody says so, what plan B made and that lost (--remove-project).",
  ].join("\n"),
  inputs: z.object({
    scenario: field(z.enum(["database-failure", "complete-loss", "regional-disaster"]), {
      ...{ positional: true, value: "scenario", help: "what has happened" },
    }),
    at: field(z.string().optional(), {
      ...{ value: "TIME", help: "database-failure: the moment to go back to, with its offset: 2026-11-29T14:05:00Z" },
    }),
    askedAt: field(z.string().optional(), {
      ...{
        value: "TIME",
        help: "database-failure: it was asked for by hand, in the dashboard, at this time: wait and prove",
      },
    }),
    planB: field(z.enum(["start"]).optional(), {
      ...{ value: "start", help: "database-failure: bring the newest set into a new project beside it" },
    }),
    noSetBecause: field(reason.optional(), {
      ...{ ...reasonField, help: "database-failure: make no set of what is there before, and why" },
    }),
    set: field(z.string().default("latest"), {
      ...{ value: "ID", help: "a set to restore (default: the newest that can be used)" },
    }),
    target: field(z.string().optional(), {
      ...{ value: "NAME", help: "a target that the policy names and a person has made (default: make a project)" },
    }),
    region: field(z.string().optional(), {
      ...{ value: "REGION", help: "region of the new project (default: the policy's recovery.region)" },
    }),
    projectName: field(z.string().trim().min(1).max(200).optional(), {
      ...{
        value: "TEXT",
        help: "name of the new project; the recovery's id is added to it",
        form: "a text of 1 to 200 characters",
      },
    }),
    production: field(z.string().optional(), {
      ...{ value: "REF", help: "the project that is overwritten is the set's own: its ref, typed" },
    }),
    migrations: field(z.string().trim().min(1).optional(), {
      ...{ value: "none|DIR", help: "folder of the migrations made since (default: the policy's recovery.migrations)" },
    }),
    switchOn: field(z.string().optional(), {
      value: "NAME|all",
      help: "afterwards: switch on what stayed off, by its number or name, or all of it",
    }),
    again: flag(
      "recover although the same recovery was handed over already, or another may be under way that cannot be read",
    ),
    giveUp: flag("give an unfinished recovery up: it deletes nothing, and lets another begin"),
    removeProject: field(z.string().trim().min(1).optional(), {
      ...{ value: "REF", help: "database-failure: remove the project that plan B made and that lost: its ref, typed" },
    }),
    state: field(z.string().optional(), {
      ...{ value: "DIR", help: "folder for the recovery's state when no bucket can be written" },
      only: { edge: "command", why: "a folder of a runner is gone when its job ends" },
    }),
    ...whyRestored,
    dryRun: flag("do everything up to the first write, and say what a run would do", { called: "rehearse" }),
  }),
  needs: ({ scenario, target, giveUp, removeProject }, env) => [
    ...(scenario === "regional-disaster"
      ? (["replica", "opening"] as const)
      : (["vault", "opening", ...when(hasFilesVault(env), "storageVault")] as const)),
    ...when(
      scenario === "database-failure" && !giveUp && removeProject === undefined,
      "source",
      ...when(hasReplica(env), "replica"),
    ),
    ...when(target !== undefined, "target"),
  ],
  refuse(inputs) {
    const { scenario, at, askedAt, planB, noSetBecause, target, region, projectName } = inputs;
    const { set, switchOn, giveUp, removeProject, dryRun } = inputs;
    const wrong = (what: string, next: string) => new ConfigurationError("usage", what, next);
    if (removeProject !== undefined) {
      const others = [at, askedAt, planB, noSetBecause, target, region, projectName, switchOn, inputs.production];
      if (scenario === "database-failure" && !giveUp && others.every((one) => one === undefined)) return;
      throw wrong("--remove-project goes with database-failure, and with no other option.", "Leave the others out.");
    }
    if (scenario !== "database-failure" && (at ?? askedAt ?? planB ?? noSetBecause) !== undefined)
      throw wrong("--at, --asked-at, --plan-b and --no-set-because go with database-failure.", "Leave them out.");
    if (scenario === "database-failure" && at === undefined && !giveUp)
      throw wrong("A database needs a moment to go back to.", "Give one with its offset: --at 2026-11-29T14:05:00Z.");
    if (scenario === "database-failure" && (target !== undefined || switchOn !== undefined || set !== "latest"))
      throw wrong(
        "--target, --set and --switch-on do not go with database-failure.",
        "Its plan B is a complete-loss: what stayed off there is switched on by `lifeboat recover complete-loss --switch-on`.",
      );
    if (planB !== undefined && dryRun) throw wrong("A rehearsal starts no plan B.", "Rehearse complete-loss for it.");
    if (target !== undefined && (region !== undefined || projectName !== undefined))
      throw wrong("--region and --project-name are for a project that is made.", "Leave them out with --target.");
    if (scenario === "regional-disaster" && target === undefined && region === undefined && !giveUp && !switchOn)
      throw wrong("A regional disaster needs another region.", "Give one that the policy allows: --region.");
    if ((giveUp || switchOn !== undefined) && dryRun) throw wrong("--rehearse goes with a recovery.", "Leave it out.");
    if (giveUp && switchOn !== undefined) throw wrong("--give-up and --switch-on exclude each other.", "Say which.");
  },
  writes: ["target", "vault"],
  forgets: ({ removeProject }) => (removeProject === undefined ? undefined : "removes a project (--remove-project)"),
  interrupted: {
    left: "What the phases before have done is noted; the project that was made stays.",
    next: "Run the same command again: it goes on where it stopped.",
  },
  runbook: "runbooks/recover-complete-loss.md",
  runbookFor: ({ scenario }) => `runbooks/recover-${scenario}.md`,
  reported: { label: "Recovery" },
  action: { folder: "recover", name: "Recover from a disaster" },
  outputs: {
    recovery: "Id of the recovery; empty after a rehearsal",
    outcome: "recovered, unproven, differs, decision, rehearsed, switched-on, given-up or removed",
    set: "Id of the set that was restored",
    "project-ref": "Ref of the project that it came back into; empty where it is not known",
    "project-url": "Address of its API",
  },
  async run(context, inputs) {
    const { scenario, state: folder, switchOn: which, giveUp: givesUp } = inputs;
    if (scenario === "database-failure") {
      const { removeProject: typed, dryRun } = inputs;
      if (givesUp) return (await import("./database-failure/give-up.ts")).giveUpFailure(context, folder);
      if (typed !== undefined)
        return (await import("./database-failure/remove-loser.ts")).removeLoser(context, { typed, folder, dryRun });
      const { runDatabaseFailure } = await import("./database-failure/run.ts");
      const { at = "", askedAt, planB, noSetBecause, production, region = null, projectName = null } = inputs;
      const request = { at, askedAt, planB, noSetBecause, production, region, projectName };
      return runDatabaseFailure(context, { request, rehearse: inputs.dryRun, again: inputs.again, folder });
    }
    if (which !== undefined || givesUp) {
      const { giveUp, switchOn } = await import("./complete-loss/settle.ts");
      return which === undefined
        ? giveUp(context, { scenario, folder })
        : switchOn(context, { scenario, folder, which });
    }
    const { runLoss } = await import("./complete-loss/run.ts");
    const { set, target = null, region = null, projectName = null, production = null, migrations = null } = inputs;
    const request = { scenario, set, target, region, projectName, production, migrations };
    return runLoss(context, { request, rehearse: inputs.dryRun, again: inputs.again, folder });
  },
});
