import type { Tier } from "../vault/format/manifest.ts";

/** What a schedule makes one set for: a calendar period, or the ten hours before it looks. */
export const periods = ["10h", "day", "week", "month", "month-from-sunday"] as const;
export type Period = (typeof periods)[number];

/** Of the period `10h`, in minutes: with GitHub's lateness and the run itself this stays under a day. */
export const rollingMinutes = 600;

/** From `from` until just before `until`. */
interface Span {
  readonly from: Date;
  readonly until: Date;
}

/**
 * The calendar day, week or month (UTC) that a time lies in, or the ten hours before it. Weeks begin on Sunday, the day of the weekly sets, so
 * that an attempt which starts late on a Monday still counts for the week it was meant for. So does the archive's month, on its first Sunday.
 */
export function periodAround(period: Period, time: Date): Span {
  const [year, month, day] = [time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()];
  const span = (from: number, until: number): Span => ({ from: new Date(from), until: new Date(until) });
  switch (period) {
    case "10h": {
      const length = rollingMinutes * 60_000;
      // What another clock puts into the near future counts as well.
      return span(time.getTime() - length, time.getTime() + length);
    }
    case "day":
      return span(Date.UTC(year, month, day), Date.UTC(year, month, day + 1));
    case "week": {
      const sunday = day - time.getUTCDay();
      return span(Date.UTC(year, month, sunday), Date.UTC(year, month, sunday + 7));
    }
    case "month":
      return span(Date.UTC(year, month), Date.UTC(year, month + 1));
    case "month-from-sunday": {
      const first = firstSunday(year, month);
      return time.getTime() < first
        ? span(firstSunday(year, month - 1), first)
        : span(first, firstSunday(year, month + 1));
    }
  }
}

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

function firstSunday(year: number, month: number): number {
  const weekday = new Date(Date.UTC(year, month)).getUTCDay();
  return Date.UTC(year, month, 1 + ((7 - weekday) % 7));
}
