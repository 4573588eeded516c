import { z } from "zod";
import { type Environment, lacksProjectStorage, optional } from "../../config/environment.ts";
import type { Section } from "../../config/load.ts";
import { hasReplica } from "../../config/vault-location.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "check",
  summary: "Says whether a backup could run now, and what to do about what is not as it should be.",
  details:
    "Reads what a backup reads: DATABASE_URL, S3_BACKUP_BUCKET, the AWS_* settings, BACKUP_SIGNING_KEY, the public keys; for the files S3_STORAGE_BUCKET and SUPABASE_STORAGE_*; the replica (S3_REPLICA_*); the channels that are set (nothing is posted).",
  inputs: z.object({}),
  needs: (_, env) => checkNeeds(env),
  writes: [],
  run: async (context) => (await import("./check-everything.ts")).checkEverything(context),
});

/** What a backup reads; the files' as soon as one of their settings is there: half of them is a mistake, none a choice. */
export function checkNeeds(env: Environment): readonly Section[] {
  const files = optional(env, "S3_STORAGE_BUCKET") !== undefined || !lacksProjectStorage(env, "SUPABASE");
  return [
    ...(["source", "vault", "signing"] as const),
    ...when(files, "storageVault", "sourceStorage"),
    ...when(hasReplica(env), "replica"),
  ];
}
