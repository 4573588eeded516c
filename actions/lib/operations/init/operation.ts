import { z } from "zod";
import { dryRun, field, flag } from "../field.ts";
import { defineOperation } from "../operation.ts";

export default defineOperation({
  name: "init",
  summary:
    "Asks what differs from owner to owner, writes the policy, keys, .env and CODEOWNERS, and says what is left to do.",
  details: [
    "What is there already is the answer to an empty line, so that it can be run again, and goes on where it stopped. It overwrites nothing that",
    "somebody has set without --overwrite. A file of answers is JSON: project, projectRef, reviewers and keys have to be in it when they are not",
    "set yet; plan, projectRegion, pitrDays, vaultRegion, replicaRegion, databaseBucket, filesBucket, replicaBucket, stagingRef, alertEmail, dailyDays,",
    "weeklyDays and monthlyDays have defaults. No secret is among them: those go into .env, by hand.",
  ].join("\n"),
  inputs: z.object({
    answers: field(z.string().optional(), { value: "FILE", help: "take the answers from a file, and ask nothing" }),
    overwrite: flag("replace what is set already by other answers"),
    ...dryRun,
  }),
  writes: ["folder"],
  interrupted: {
    left: "Each file is whole: as it was, or as it is meant to be.",
    next: "Run it again: it goes on where it stopped.",
  },
  runbook: "runbooks/github-settings.md",
  async run(context, inputs) {
    const { init } = await import("./run-init.ts");
    return init(context, inputs);
  },
});
