import { z } from "zod";

/** Name of a check of the monitor, e.g. `supabase-backups`. */
export const checkIdPattern = /^[a-z][a-z0-9-]{0,59}$/;

/** Days that a silence lasts at most. One that ends later counts only in its last days. */
export const longestSilenceDays = 30;

const silenceSchema = z.strictObject({
  check: z.string().regex(checkIdPattern, "the name of a check, as `lifeboat monitor` prints it"),
  /** The last day of it (UTC). */
  until: z.iso.date(),
  reason: z.string().trim().min(1).max(200),
});

export type Silence = z.output<typeof silenceSchema>;

/** What the monitor looks at, and of what nobody is told for a while. */
export const monitorPolicySchema = z
  .strictObject({
    /** Checks of which nobody is told until a day. The page shows them with their reason. Written by `lifeboat silence`. */
    silences: z.array(silenceSchema).max(100).default([]),
    /** A check that could not look for so many hours counts as critical. */
    unknownHours: z.number().positive().max(168).default(24),
    /** A limit that the trend reaches within so many days is a warning; within 14 it is critical. */
    limitDays: z.number().int().min(14).max(365).default(45),
    /**
     * Minutes of GitHub Actions that the plan includes in a month: 2,000 with Free, 3,000 with Pro and Team. Counted for private repositories
     * alone; others' runs on GitHub's machines cost nothing.
     */
    actionsMinutes: z.number().int().positive().default(2000),
    /** Bytes of files that the project may hold, where that is not what the plan includes. Null: what the plan of `promises.supabase` has. */
    storageBytes: z.number().int().positive().nullable().default(null),
    /** The last day of SUPABASE_ACCESS_TOKEN (UTC), which Supabase's API does not tell. Null: not known. */
    tokenExpires: z.iso.date().nullable().default(null),
  })
  .prefault({});
