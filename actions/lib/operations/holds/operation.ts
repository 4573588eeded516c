import { z } from "zod";
import { hasReplica } from "../../config/vault-location.ts";
import { flag } from "../field.ts";
import { defineOperation, vaultNeeds, when } from "../operation.ts";

export default defineOperation({
  name: "holds",
  summary: "Lists what is held, since when and why; with --check looks at every object that a hold needs.",
  details: [
    "Exit code 1: a hold is broken, or somebody has changed the register. Reads S3_BACKUP_BUCKET, S3_STORAGE_BUCKET (one of them",
    "is enough), S3_REPLICA_BUCKET, the AWS_* settings and the public keys. The weekly run of retention looks at a quarter.",
  ].join("\n"),
  inputs: z.object({
    check: flag("ask the store for the legal hold of every object version that is held"),
  }),
  needs: (_, env) => [...vaultNeeds(env), ...when(hasReplica(env), "replica")],
  writes: [],
  runbook: "runbooks/holds.md",
  async run(context, { check }) {
    const { releaseVerifier } = await import("../../vault/configured.ts");
    const { checkHolds } = await import("../../vault/holds/check.ts");
    const { readAllHolds } = await import("../../vault/holds/objects.ts");
    const { holdVaults } = await import("../hold/run-hold.ts");
    const { reportHolds } = await import("./page.ts");
    const vaults = await holdVaults(context);
    const verify = await releaseVerifier(context.config());
    const register = await readAllHolds(vaults, verify);
    const { signal } = context;
    const checked = check ? await checkHolds(register, "all", { vaults, verify, signal }) : undefined;
    return reportHolds(register, checked);
  },
});
