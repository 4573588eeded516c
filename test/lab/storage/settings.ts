import type { StorageAccess } from "./server.ts";

/** The settings that lead a command to a project's files, by the names that it reads: `SUPABASE_…`, or a target's. */
export function storageSettings(storage: StorageAccess, prefix = "SUPABASE"): Record<string, string> {
  return {
    [`${prefix}_STORAGE_ENDPOINT`]: storage.endpoint,
    [`${prefix}_STORAGE_REGION`]: storage.region,
    [`${prefix}_STORAGE_ACCESS_KEY_ID`]: storage.accessKeyId,
    [`${prefix}_STORAGE_SECRET_ACCESS_KEY`]: storage.secretAccessKey,
  };
}
