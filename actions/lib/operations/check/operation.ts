import { z } from "zod";
import { backupNeeds, defineOperation } from "../operation.ts";

export default defineOperation({
  name: "check",
  summary: "Says whether a backup could run now, and what to do about what is not as it should be.",
  details:
    "Reads what a backup reads: DATABASE_URL, S3_BACKUP_BUCKET, the AWS_* settings, BACKUP_SIGNING_KEY, the public keys; for the files S3_STORAGE_BUCKET and SUPABASE_STORAGE_*; the replica (S3_REPLICA_*); the project's configuration (SUPABASE_ACCESS_TOKEN, SUPABASE_PROJECT_REF); the channels that are set (nothing is posted).",
  inputs: z.object({}),
  needs: (_, env) => backupNeeds(env),
  writes: [],
  run: async (context) => (await import("./check-everything.ts")).checkEverything(context),
});
