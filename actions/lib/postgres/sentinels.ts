import type { Client } from "pg";
import { z } from "zod";
import { sqlState } from "../base/errors.ts";

/** The table of `runbooks/sql/sentinels.sql`, and its job. */
export const sentinelTable = { schema: "lifeboat", name: "sentinels" } as const;
export const sentinelJob = "lifeboat-sentinel";
/** Seconds from one sentinel to the next. */
export const sentinelSeconds = 60;

/**
 * What a database's sentinels tell about a moment. Times are milliseconds since 1970 by the database's own clock, which is also the
 * clock that point-in-time recovery goes by.
 */
export interface Sentinels {
  /**
   * The newest from before the moment or of it, and the highest timeline of all of those: a row that somebody has slipped in with a lower
   * one would hide what is from after the moment.
   */
  readonly before: { readonly at: number; readonly timeline: number } | null;
  /**
   * After the moment, before the server was started, and of no newer timeline than the one before: a database that went back to the
   * moment has none, however often it was started again since.
   */
  readonly after: { readonly count: number; readonly newest: number | null };
  /** Of all that are not in the future: such a row is not the job's, and would always look like one that a recovery has undone. */
  readonly newest: number | null;
}

const milliseconds = (expression: string): string => `floor(extract(epoch from ${expression}) * 1000)::float8`;

const rowSchema = z.object({
  before: z.number().nullable(),
  timeline: z.number().nullable(),
  count: z.number(),
  after: z.number().nullable(),
  newest: z.number().nullable(),
});

const query = `
  with before as (select max(s.at) as at, max(s.timeline) as timeline from lifeboat.sentinels s where s.at <= to_timestamp($1::float8))
  select ${milliseconds("b.at")} as before, b.timeline as timeline, a.count::int as count, ${milliseconds("a.newest")} as after,
         ${milliseconds("(select max(s.at) from lifeboat.sentinels s where s.at <= now())")} as newest
    from (select count(*), max(s.at) as newest from lifeboat.sentinels s
           where s.at > to_timestamp($1::float8) and s.at < pg_postmaster_start_time()
             and s.timeline <= coalesce((select b.timeline from before b), s.timeline)) a
    left join before b on true`;

/**
 * @param unix the moment, in seconds since 1970
 * @returns null where there are none: nobody has installed them, or the role may not read them
 */
export async function readSentinels(client: Client, unix: number): Promise<Sentinels | null> {
  try {
    const { rows } = await client.query(query, [unix]);
    const { before, timeline, count, after, newest } = rowSchema.parse(rows[0]);
    if (newest === null) return null;
    return {
      before: before === null || timeline === null ? null : { at: before, timeline },
      after: { count, newest: after },
      newest,
    };
  } catch (error) {
    // No schema, no table, another table of that name, no right to read it.
    if (["3F000", "42P01", "42703", "42501"].includes(sqlState(error)) || error instanceof z.ZodError) return null;
    throw error;
  }
}
