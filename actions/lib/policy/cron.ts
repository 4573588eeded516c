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
