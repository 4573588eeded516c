import type { Tier } from "../vault/format/manifest.ts";
import { periodAround } from "./period.ts";

/**
 * The tier of a snapshot that is made now: the first of a month is kept as the month's, the first of a week as the week's,
 * all others as the day's. Snapshots share what they name, so a longer kept one costs what has changed since.
 *
 * @param newest when the newest snapshot was taken; undefined: there is none
 */
export function tierDue(newest: Date | undefined, now: Date): Tier {
  const isIn = (period: "month" | "week"): boolean => {
    const { from, until } = periodAround(period, now);
    return newest !== undefined && newest >= from && newest < until;
  };
  return isIn("month") ? (isIn("week") ? "daily" : "weekly") : "monthly";
}
