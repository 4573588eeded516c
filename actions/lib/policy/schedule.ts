import type { Cron } from "./cron.ts";
import { type Period, periodAround, rollingMinutes } from "./period.ts";

/** Something that is done on a schedule: by which expressions, and how often at most. */
export interface Work {
  readonly crons: readonly Cron[];
  /** What is done already in the day, week (from Sunday), month or last ten hours is not done again. */
  readonly oncePer: Period | undefined;
  /** It follows a zone's clock, which summer time moves by an hour. */
  readonly zoned: boolean;
}

const dayMinutes = 1440;
// Weekdays and leap years repeat themselves every 28 years, but for 2100, which has no leap day: both are in here.
const firstYear = 2072;
const years = 41;
const first = Date.UTC(firstYear, 0, 1);
const days = (Date.UTC(firstYear + years, 0, 1) - first) / 86_400_000;

/** What a schedule comes to. */
export interface Rhythm {
  /** The longest time between two runs that do something, in minutes; infinite when there are fewer than two, ever. */
  readonly worstGap: number;
  /** Runs that do something, in a year, on average. */
  readonly perYear: number;
}

/** The rhythm of all the works together, each run started on time. Summer time makes a gap an hour longer where a zone has it. */
export function rhythmOf(works: readonly Work[]): Rhythm {
  const choose = works.map(dailyChoice);
  // Few different days come back again and again; each is put together once.
  const shapes = new Map<string, Shape | undefined>();
  let last: number | undefined;
  let worstGap = 0;
  let runs = 0;
  for (let day = 0; day < days; day++) {
    const date = new Date(first + day * 86_400_000);
    const chosen = choose.map((of) => of(date));
    const key = chosen.map(({ key }) => key).join(" ");
    if (!shapes.has(key)) shapes.set(key, shapeOf(chosen.flatMap(({ minutes }) => minutes())));
    const shape = shapes.get(key);
    if (shape === undefined) continue;
    const begin = day * dayMinutes + shape.first;
    worstGap = Math.max(worstGap, shape.gap, last === undefined ? 0 : begin - last);
    last = day * dayMinutes + shape.last;
    runs += shape.runs;
  }
  if (runs < 2) return { worstGap: Number.POSITIVE_INFINITY, perYear: runs / years };
  return { worstGap: worstGap + (works.some(({ zoned }) => zoned) ? 60 : 0), perYear: runs / years };
}

/** One day's runs, in minutes after midnight. */
interface Shape {
  readonly first: number;
  readonly last: number;
  /** The longest time between two of them. */
  readonly gap: number;
  readonly runs: number;
}

function shapeOf(minutes: readonly number[]): Shape | undefined {
  const sorted = [...new Set(minutes)].sort((a, b) => a - b);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const gap = Math.max(0, ...sorted.slice(1).map((minute, index) => minute - (sorted[index] ?? 0)));
  return { first, last, gap, runs: sorted.length };
}

interface Choice {
  /** The same for days of the same runs. */
  readonly key: string;
  minutes(): readonly number[];
}

/** For one day after the other: the runs of the work that really do something. */
function dailyChoice({ crons, oncePer }: Work): (date: Date) => Choice {
  const nothing: Choice = { key: "-", minutes: () => [] };
  let last = Number.NEGATIVE_INFINITY;
  let period = Number.NaN;
  return (date) => {
    const [month, day, weekday] = [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCDay()];
    const active = crons.flatMap((cron, index) => (cron.runsOn(month, day, weekday) ? [index] : []));
    if (active.length === 0) return nothing;
    const minutes = (): number[] => active.flatMap((index) => crons[index]?.minutes ?? []);
    if (oncePer === undefined) return { key: active.join(), minutes };
    if (oncePer === "10h") {
      const midnight = date.getTime() / 60_000;
      const chosen = minutes()
        .sort((a, b) => a - b)
        .filter((minute) => {
          if (midnight + minute - last < rollingMinutes) return false;
          last = midnight + minute;
          return true;
        });
      return { key: `at ${chosen.join()}`, minutes: () => chosen };
    }
    const present = periodAround(oncePer, date).from.getTime();
    if (present === period) return nothing;
    period = present;
    return { key: `first of ${active.join()}`, minutes: () => [Math.min(...minutes())] };
  };
}
