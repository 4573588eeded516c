import { z } from "zod";
import { LifeboatError } from "../base/errors.ts";
import { ApiRefusal } from "./api-refusal.ts";
import { type ManagementApi, projectPath } from "./management-api.ts";

/** No later than a date can be. */
const seconds = z.number().int().nonnegative().max(8.64e12);

const backupsSchema = z.object({
  pitr_enabled: z.boolean(),
  backups: z.array(z.object({ status: z.string(), inserted_at: z.string() })).default([]),
  physical_backup_data: z
    .object({
      earliest_physical_backup_date_unix: seconds.nullish(),
      latest_physical_backup_date_unix: seconds.nullish(),
    })
    .nullish(),
});

/** What Supabase itself could go back to. */
export interface SupabaseBackups {
  /** Null: point-in-time recovery is not on, or it has nothing yet. Seconds since 1970. */
  readonly window: { readonly earliest: number; readonly latest: number } | null;
  readonly pitr: boolean;
  /** Daily backups that are complete, newest first: milliseconds since 1970. With point-in-time recovery on there are none in the list. */
  readonly daily: readonly number[];
  /** All daily backups, newest first, with Supabase's word for each: COMPLETED, FAILED, PENDING, REMOVED, ARCHIVED or CANCELLED. */
  readonly listed: readonly DailyBackup[];
}

export interface DailyBackup {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly status: string;
}

/** @throws what the client throws */
export async function readBackups(api: ManagementApi, ref: string): Promise<SupabaseBackups> {
  const {
    pitr_enabled: pitr,
    backups,
    physical_backup_data: data,
  } = await api.get(projectPath(ref, "/database/backups"), backupsSchema);
  const [earliest, latest] = [data?.earliest_physical_backup_date_unix, data?.latest_physical_backup_date_unix];
  const window = pitr && typeof earliest === "number" && typeof latest === "number" ? { earliest, latest } : null;
  const listed = backups
    .map(({ inserted_at, status }) => ({ at: Date.parse(inserted_at), status }))
    .filter(({ at }) => Number.isFinite(at))
    .sort((a, b) => b.at - a.at);
  const daily = listed.filter(({ status }) => status === "COMPLETED").map(({ at }) => at);
  return { window, pitr, daily, listed };
}

/** @returns Supabase's word for how the project is, e.g. `ACTIVE_HEALTHY`. @throws what the client throws */
export async function readProjectStatus(api: ManagementApi, ref: string): Promise<string> {
  return (await api.get(projectPath(ref), z.object({ status: z.string().max(60) }))).status;
}

/**
 * What the API answered to a request for point-in-time recovery. There is no number of an operation: what becomes of it only the
 * project shows.
 */
export type Requested =
  | { readonly answer: "accepted" }
  /** No answer came: it may have been accepted. It must not be sent again before somebody has looked. */
  | { readonly answer: "unsure" }
  /** The moment is newer than what can be reached yet, or older than what still can. Bounds in seconds, where they could be read. */
  | { readonly answer: "out-of-range"; readonly earliest: number | undefined; readonly latest: number | undefined }
  /** `reason`: what it objects to, as far as that is known. */
  | {
      readonly answer: "refused";
      readonly reason: "pitr-off" | "disk-full" | "closed" | "other";
      readonly said: string;
    };

/** @param unix seconds since 1970 @throws ApiRefusal `api-token`, `api-denied`, `api-missing`, `api-plan`; OperationError `api-unavailable` */
export async function requestPointInTime(api: ManagementApi, ref: string, unix: number): Promise<Requested> {
  try {
    await api.send("POST", projectPath(ref, "/database/backups/restore-pitr"), { recovery_time_target_unix: unix });
    return { answer: "accepted" };
  } catch (error) {
    if (error instanceof LifeboatError && error.code === "api-unsure") return { answer: "unsure" };
    if (error instanceof ApiRefusal && error.code === "api-refused") return refusalOf(error.said);
    throw error;
  }
}

/** The API has one status, 400, for all of these; only its words tell them apart. Pure. */
export function refusalOf(said: string): Requested {
  const range = /within range:?\s*(\S.*?)\s*<=\s*\w+\s*<=\s*(\S.*?)\s*\.?$/i.exec(said);
  if (range !== null || /within range/i.test(said))
    return { answer: "out-of-range", earliest: secondsOf(range?.[1]), latest: secondsOf(range?.[2]) };
  const reason = /PITR is not enabled/i.test(said)
    ? "pitr-off"
    : // A disk that is nearly full: what failed is the server's start (57P03).
      /check for major version/i.test(said)
      ? "disk-full"
      : /unavailable at the moment/i.test(said)
        ? "closed"
        : "other";
  return { answer: "refused", reason, said };
}

/** Seconds or milliseconds since 1970, or a date. */
function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{9,13}$/.test(text) ? Number(text) : Date.parse(text) / 1000;
  if (!Number.isFinite(number)) return undefined;
  return number > 1e11 ? Math.floor(number / 1000) : Math.floor(number);
}
