import { periodAround } from "../period.ts";
import { type Cron, rhythmOf, type Work } from "../schedule.ts";

const minuteMillis = 60_000;
/** So far a clock may be ahead. What is dated later would count as new until then, whatever happens meanwhile. */
const mostAheadMillis = 60 * minuteMillis;

/** Whether a moment has not come yet, by more than clocks differ. @param at ISO 8601, or milliseconds since 1970 */
export function isAhead(at: string | number, now: Date): boolean {
  return new Date(at).getTime() - now.getTime() > mostAheadMillis;
}

const dayMillis = 86_400_000;
/** Whatever runs more rarely than every two years, nobody waits for. */
const furthestDays = 750;

/** A zone's clock may be this far behind UTC, in which expressions are read here. */
export const zoneMillis = 12 * 60 * minuteMillis;

/** The first moment after `after` at which one of the expressions starts, read in UTC; undefined when none does within two years. */
export function nextAttempt(crons: readonly Cron[], after: Date): Date | undefined {
  const midnight = Date.UTC(after.getUTCFullYear(), after.getUTCMonth(), after.getUTCDate());
  for (let day = 0; day <= furthestDays; day++) {
    const date = new Date(midnight + day * dayMillis);
    const [month, of, weekday] = [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCDay()];
    const minutes = crons.flatMap((cron) => (cron.runsOn(month, of, weekday) ? cron.minutes : []));
    const times = minutes.map((minute) => date.getTime() + minute * minuteMillis);
    const later = times.filter((time) => time > after.getTime());
    if (later.length > 0) return new Date(Math.min(...later));
  }
  return undefined;
}

/** The works of one kind, and how late they may be. */
export interface Timing {
  readonly works: readonly Work[];
  /** How late GitHub may start a schedule. */
  readonly lateMinutes: number;
  /** From the moment whose data a run copies until the copy can be used. */
  readonly runMinutes: number;
}

/** A copy that is made several times a day is never older than this, however late GitHub is allowed to be otherwise. */
const mostHours = 20;

/**
 * When the next copy must be there at the latest, after one whose data is of `madeAt`: the next attempt that makes one, with GitHub's
 * lateness and the run itself. Where the schedule leaves GitHub half of its lateness even so, 20 hours after `madeAt`.
 * @returns undefined when no schedule makes another
 */
export function nextDue(madeAt: Date, { works, lateMinutes, runMinutes }: Timing): Date | undefined {
  const attempts = works.flatMap(({ crons, oncePer, zoned }) => {
    // What is there already in its period is not made again before the next one.
    const from = oncePer === undefined ? madeAt : new Date(periodAround(oncePer, madeAt).until.getTime() - 1);
    const next = nextAttempt(crons, from);
    return next === undefined ? [] : [next.getTime() + (zoned ? zoneMillis : 0)];
  });
  if (attempts.length === 0) return undefined;
  const due = Math.min(...attempts) + (lateMinutes + runMinutes) * minuteMillis;
  const often = rhythmOf(works).worstGap + runMinutes + lateMinutes / 2 <= mostHours * 60;
  return new Date(often ? Math.min(due, madeAt.getTime() + mostHours * 60 * minuteMillis) : due);
}
