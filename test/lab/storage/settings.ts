import type { StorageAccess } from "./server.ts";

/** The settings that lead a command to a project's files. */
export function storageSettings(storage: StorageAccess): Record<string, string> {
  return {
    SUPABASE_STORAGE_ENDPOINT: storage.endpoint,
    SUPABASE_STORAGE_REGION: storage.region,
    SUPABASE_STORAGE_ACCESS_KEY_ID: storage.accessKeyId,
    SUPABASE_STORAGE_SECRET_ACCESS_KEY: storage.secretAccessKey,
  };
}
