import { z } from "zod";
import { optional } from "../../config/environment.ts";
import { runnerPlace } from "../../config/vault-location.ts";
import { field, flag } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "policy",
  summary: "Compares what is promised (RTO, RPO) with what schedules, plan, thaw and the vault really allow.",
  details: [
    "Exit code 1: a promise is better than the truth, and nobody has accepted that in the policy. With S3_BACKUP_BUCKET",
    "and the AWS_* settings the vault is asked for its newest and its proven sets, with S3_STORAGE_BUCKET for the files.",
  ].join("\n"),
  inputs: z.object({
    action: field(z.enum(["check"]), { positional: true, help: "what to do with the policy" }),
    policy: field(z.string().optional(), {
      ...{ value: "FILE", help: "another policy than lifeboat.config.ts (or LIFEBOAT_POLICY)" },
    }),
    workflows: field(z.string().optional(), {
      ...{ value: "FOLDER", help: "where the schedules are (default: .github/workflows)" },
    }),
    offline: flag("do not ask the vault"),
  }),
  needs: ({ offline }, env) => when(!offline && optional(env, "S3_BACKUP_BUCKET") !== undefined, "vault"),
  policyFile: ({ policy }) => policy,
  writes: [],
  async run(context, { workflows, offline }) {
    const { askVault, checkPromises } = await import("./promise-check.ts");
    const { promisesPage } = await import("../../report/promises-page.ts");
    const result = await checkPromises(context.config(), offline ? undefined : await askVault(context), workflows);
    const promises = promisesPage(result);
    const page = { ...promises, notes: [...(promises.notes ?? []), `Runner: ${runnerPlace(context.env)}.`] };
    return { result, page, exitCode: result.green ? 0 : 1 };
  },
});
