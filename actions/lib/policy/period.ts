/** What a schedule makes one set for. */
export const periods = ["day", "week", "month"] as const;
export type Period = (typeof periods)[number];

/** From `from` until just before `until`. */
export interface Span {
  readonly from: Date;
  readonly until: Date;
}

/**
 * The calendar day, week or month (UTC) that a time lies in. Weeks begin on Sunday, the day of the weekly schedules, so
 * that an attempt which starts late on a Monday still counts for the week it was meant for.
 */
export function periodAround(period: Period, time: Date): Span {
  const [year, month, day] = [time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()];
  const span = (from: number, until: number): Span => ({ from: new Date(from), until: new Date(until) });
  switch (period) {
    case "day":
      return span(Date.UTC(year, month, day), Date.UTC(year, month, day + 1));
    case "week": {
      const sunday = day - time.getUTCDay();
      return span(Date.UTC(year, month, sunday), Date.UTC(year, month, sunday + 7));
    }
    case "month":
      return span(Date.UTC(year, month), Date.UTC(year, month + 1));
  }
}
