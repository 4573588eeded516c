import { z } from "zod";
import { hasFilesVault } from "../../config/vault-location.ts";
import { drillScenarios } from "../../vault/format/proof.ts";
import { dryRun, field, flag, whyRestored } from "../field.ts";
import { defineOperation, when } from "../operation.ts";
import { seedPattern } from "../test-restore/defect/defect.ts";

export default defineOperation({
  name: "drill",
  summary: "Plays a disaster for real in a drill project, against the clock, and signs a proof of what it took.",
  details: [
    "Restores by the phases of `lifeboat recover` into the policy's drill.target (staging, emptied before and after), or into a project",
    "that it makes in drill.organization and deletes. Then reads a sabotaged copy of the set, which has to be refused.",
    "Reads S3_BACKUP_BUCKET, S3_STORAGE_BUCKET, S3_REPLICA_*, the AWS_* settings, RESTORE_PRIVATE_KEY and RESTORE_PASSPHRASE of the",
    "prover key, STAGING_* or SUPABASE_ACCESS_TOKEN, and DATABASE_URL, where it is set, to count what would be lost.",
  ].join("\n"),
  inputs: z.object({
    scenario: field(z.enum(drillScenarios).optional(), {
      ...{ value: "NAME", help: "what to play (default: what was played longest ago)" },
    }),
    oncePerQuarter: flag("do nothing when this quarter has a drill that went well"),
    seed: field(z.string().regex(seedPattern).optional(), {
      ...{ value: "HEX", form: "8 hexadecimal digits" },
      help: "sabotage the set as this seed of 8 hex digits chooses (default: by chance)",
    }),
    humanMinutes: field(z.coerce.number().min(0).max(10_000).optional(), {
      ...{ value: "N", form: "a number of minutes from 0 to 10000" },
      help: "what people's part of such a recovery takes, measured by them (default: as the last drill was told)",
    }),
    ...whyRestored,
    ...dryRun,
  }),
  needs: (_, env) => ["vault", "opening", ...when(hasFilesVault(env), "storageVault")],
  writes: ["target", "vault"],
  forgets: () => "empties staging",
  interrupted: {
    left: "Staging may hold a part of a set, or a project of the drill may be there.",
    next: "Run it again: it clears that away first.",
  },
  runbook: "runbooks/drill-failed.md",
  reported: { label: "Disaster drill", watched: true, workflows: ["disaster-drill"] },
  action: { folder: "run-drill", name: "Run a disaster drill" },
  outputs: {
    scenario: "What was played",
    outcome: "proven, failed, nothing-to-do or dry-run",
    drill: "Id of the drill",
    proof: "Key of the signed proof in the vault",
    "machine-seconds": "From the loss until the application was checked",
    "lost-seconds": "Work that was lost, by the clock",
  },
  async run(context, inputs) {
    const { runDrill } = await import("./run-drill.ts");
    const { reportDrill } = await import("./page.ts");
    const result = await runDrill(context, inputs);
    return { result, ...reportDrill(result) };
  },
});
