import { type Environment, lacksProjectStorage, optional } from "../../config/environment.ts";
import type { Section } from "../../config/load.ts";
import { when } from "../operation.ts";

/** What a backup reads; the files' as soon as one of their settings is there: half of them is a mistake, none a choice. */
export function checkNeeds(env: Environment): readonly Section[] {
  const files = optional(env, "S3_STORAGE_BUCKET") !== undefined || !lacksProjectStorage(env, "SUPABASE");
  return ["source", "vault", "signing", ...when(files, "storageVault", "sourceStorage")];
}
