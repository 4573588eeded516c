import { ConfigurationError } from "../../../base/errors.ts";
import { formatBytes } from "../../../base/measures.ts";
import type { ProjectRoom } from "../../../supabase/project.ts";

/** Rows arrive with their write-ahead log, and indexes are built beside their tables. */
const headroom = 1.3;
/** The free plan sets a database of more to read-only (supabase.com/docs, Database size). */
const freePlanBytes = 500 * 1024 * 1024;

/**
 * Refuses a project that is too small for the data, before any is loaded. Pure.
 * @param neededBytes size of the database at the source
 * @param freedBytes what a reset of staging gives back
 * @throws ConfigurationError `staging-too-small`
 */
export function admitRoom(room: ProjectRoom, neededBytes: bigint, freedBytes: bigint): void {
  const needed = Number(neededBytes);
  const refuse = (has: string, next: string) =>
    new ConfigurationError(
      "staging-too-small",
      `The database has ${formatBytes(needed)}, and the staging project ${has}. No data was loaded.`,
      next,
    );
  if (room.freePlan && needed > freePlanBytes) {
    throw refuse(
      `is on the free plan, which allows ${formatBytes(freePlanBytes)}`,
      "Move the staging project to a paid plan.",
    );
  }
  const available = room.availableBytes + Number(freedBytes);
  if (needed * headroom > available) {
    throw refuse(
      `has room for ${formatBytes(available)}; it takes ${formatBytes(needed * headroom)}`,
      "Enlarge its disk (dashboard, Database Settings, Disk size), then run again.",
    );
  }
}
