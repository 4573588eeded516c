import { type Period, periodAround, rollingMinutes } from "./period.ts";

/**
 * Cron expressions as GitHub reads them: POSIX's five fields (crontab, The Open Group Base Specifications), with steps and with
 * names of months and days (docs.github.com, "Events that trigger workflows", schedule). Nothing else is one: no seconds, no `@daily`, no
 * `L`, `W` or `#`.
 */

/** When it runs, by the calendar that it is read in. */
export interface Cron {
  readonly text: string;
  /** Minutes after midnight, ascending; the same on each of its days. */
  readonly minutes: readonly number[];
  /** Whether both day fields are restricted: then a day that matches either of them is one of its days. */
  readonly eitherDay: boolean;
  /** @param month 1 to 12 @param day of the month @param weekday 0 (Sunday) to 6 */
  runsOn(month: number, day: number, weekday: number): boolean;
}

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const fields: readonly Field[] = [
  { name: "minute", least: 0, most: 59 },
  { name: "hour", least: 0, most: 23 },
  { name: "day of the month", least: 1, most: 31 },
  { name: "month", least: 1, most: 12, names: months },
  { name: "day of the week", least: 0, most: 6, names: weekdays },
];

/** What is wrong with an expression, in words for the one who wrote it. */
export class CronProblem extends Error {
  override readonly name = "CronProblem";
}

/** @throws CronProblem */
export function parseCron(text: string): Cron {
  const words = text.trim().split(/\s+/);
  if (words.length !== fields.length) {
    throw new CronProblem(
      `it has ${words.length === 1 && words[0] === "" ? 0 : words.length} fields where GitHub reads five: minute, hour, day of the month, month, day of the week`,
    );
  }
  const [minute, hour, day, month, weekday] = fields.map((field, index) => readField(words[index] ?? "", field));
  if (!minute || !hour || !day || !month || !weekday) throw new CronProblem("it has too few fields");
  const restricted = (index: number): boolean => !words[index]?.startsWith("*");
  const eitherDay = restricted(2) && restricted(4);
  return {
    text: words.join(" "),
    minutes: [...hour].flatMap((each) => [...minute].map((past) => each * 60 + past)),
    eitherDay,
    runsOn: (inMonth, onDay, onWeekday) =>
      month.has(inMonth) &&
      // A step over all (`*/2`) is read in two ways; Vixie cron's asks for both fields to match, which is the rarer run.
      (eitherDay ? day.has(onDay) || weekday.has(onWeekday) : day.has(onDay) && weekday.has(onWeekday)),
  };
}

/** @returns the field's values, ascending */
function readField(word: string, field: Field): Set<number> {
  const values = word.split(",").flatMap((part) => readPart(part, field));
  return new Set(values.sort((a, b) => a - b));
}

function readPart(part: string, field: Field): number[] {
  const { name, least, most } = field;
  const wrong = (why: string): CronProblem => new CronProblem(`'${part}' is no ${name}: ${why}`);
  const [, range = "", step] = /^([^/]+)(?:\/(\d+))?$/.exec(part) ?? [];
  if (range === "") throw wrong("it is empty or has a step that is no number");
  const [from, to] = range === "*" ? [least, most] : ends(range, step !== undefined, field, wrong);
  const by = step === undefined ? 1 : Number(step);
  if (by < 1) throw wrong("a step is at least 1");
  if (from > to) throw wrong(`its range runs backwards`);
  const values: number[] = [];
  for (let value = from; value <= to; value += by) values.push(value);
  return values;
}

function ends(range: string, stepped: boolean, field: Field, wrong: (why: string) => CronProblem): [number, number] {
  const [first = "", last, ...more] = range.split("-");
  if (more.length > 0) throw wrong("a range has two ends");
  const from = readValue(first, field, wrong);
  // `20/15` runs at 20, 35 and 50: a step after one value goes on to the field's end.
  const to = last === undefined ? (stepped ? field.most : from) : readValue(last, field, wrong);
  return [from, to];
}

function readValue(text: string, { least, most, names }: Field, wrong: (why: string) => CronProblem): number {
  const named = names?.indexOf(text.toUpperCase()) ?? -1;
  const value = named >= 0 ? named + least : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw wrong(`GitHub takes ${least} to ${most}${names === undefined ? "" : ` or ${names[0]} to ${names.at(-1)}`}`);
}

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
  const key = works.map(({ crons, oncePer, zoned }) => [oncePer, zoned, ...crons.map(({ text }) => text)]).join("|");
  const rhythm = rhythms.get(key) ?? workOut(works);
  rhythms.set(key, rhythm);
  return rhythm;
}

/** Schedules are few, several rules ask for the same ones, and decades of days take a while. */
const rhythms = new Map<string, Rhythm>();

function workOut(works: readonly Work[]): Rhythm {
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
