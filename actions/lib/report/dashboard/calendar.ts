import { formatDay } from "../../base/measures.ts";
import { type Period, periodAround } from "../../policy/period.ts";
import type { Tier } from "../../vault/format/manifest.ts";
import type { StandingSet } from "../../vault/standing.ts";
import { isTier } from "../branch/standing.ts";
import type { RunRow } from "../run/run-row.ts";
import type { StatusCalendar } from "./status.ts";

/** A copy that was made, and the best that is known of it: 0 made, 1 verified, 2 proven. */
interface Copy {
  readonly tier: Tier | "files";
  readonly at: number;
  readonly worth: 0 | 1 | 2;
}

const week = 7 * 86_400_000;
const weeks = 53;
const letters = ["m", "v", "p"] as const;

/**
 * The last year, whole weeks of it: in which days, weeks and months copies were made, and what they are worth. A set stands where its data is
 * of, also when it was proven much later. Nothing is missing before the first copy that is known.
 */
export function calendars(rows: readonly RunRow[], sets: readonly StandingSet[], now: Date): StatusCalendar[] {
  const copies = copiesOf(rows, sets).filter(({ at }) => at <= now.getTime());
  const of = (...tiers: Copy["tier"][]): Copy[] => copies.filter(({ tier }) => tiers.includes(tier));
  const all: readonly [StatusCalendar["what"], Period, Copy[]][] = [
    ["days", "day", of("daily", "weekly", "monthly")],
    ["weeks", "week", of("weekly")],
    ["months", "month-from-sunday", of("monthly")],
    ["files", "day", of("files")],
  ];
  return all.flatMap(([what, period, made]) => (made.length === 0 ? [] : [{ what, ...marks(period, made, now) }]));
}

function marks(period: Period, copies: readonly Copy[], now: Date): Pick<StatusCalendar, "from" | "marks"> {
  const first = Math.min(...copies.map(({ at }) => at));
  const from: string[] = [];
  let marks = "";
  const start = periodAround("week", new Date(now.getTime() - (weeks - 1) * week)).from;
  let span = periodAround(period, start);
  while (span.from <= now) {
    const [begin, end] = [span.from.getTime(), span.until.getTime()];
    const worths = copies.filter(({ at }) => at >= begin && at < end).map(({ worth }) => worth);
    const best = letters[Math.max(...worths)];
    marks += best ?? (end > now.getTime() ? "-" : end <= first ? "." : "x");
    from.push(formatDay(begin));
    span = periodAround(period, span.until);
  }
  return { from, marks };
}

function copiesOf(rows: readonly RunRow[], sets: readonly StandingSet[]): Copy[] {
  const copies = new Map<string, Copy>();
  const note = (key: string, { tier, at, worth }: Copy): void => {
    const known = copies.get(key);
    copies.set(key, { tier, at, worth: known !== undefined && known.worth > worth ? known.worth : worth });
  };
  for (const { set, tier, snapshotAt, provenAt } of sets)
    note(set, { tier, at: Date.parse(snapshotAt), worth: provenAt === null ? 0 : 2 });
  for (const { at, operations } of rows) {
    for (const { operation, conclusion, set, tier, snapshotAt, fileBytes } of operations) {
      if (conclusion !== "success") continue;
      const copied = operation === "backup" || operation === "sync";
      if (copied && fileBytes !== undefined)
        note(`files ${snapshotAt ?? at}`, { tier: "files", at: Date.parse(snapshotAt ?? at), worth: 0 });
      if (set === undefined) continue;
      const stands = copies.get(set) ?? (isTier(tier) && snapshotAt ? { tier, at: Date.parse(snapshotAt) } : undefined);
      const worth = worthBy[operation];
      if (stands !== undefined && worth !== undefined) note(set, { ...stands, worth });
    }
  }
  return [...copies.values()];
}

const worthBy: Readonly<Record<string, Copy["worth"]>> = { backup: 0, verify: 1, test: 2 };
