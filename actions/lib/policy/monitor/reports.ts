import { countOf, formatMinute } from "../../base/measures.ts";
import type { Finding } from "./check.ts";

/** One run of one work, as its report or GitHub tells it. */
export interface RunEnd {
  /** What is done again and again by this name, e.g. `backup`. Shown: it has to be ours. */
  readonly work: string;
  /** Tells works apart that are shown by one name. */
  readonly key: string;
  /** ISO 8601. */
  readonly at: string;
  readonly ended: "well" | "badly" | "without work";
  readonly scheduled: boolean;
}

/** Bad runs in a row after which a failure is no accident. */
const row = 3;

/**
 * Whether what runs on a schedule goes well. What people start counts where it repairs a failure, and not by itself: a rehearsal that fails
 * is for whoever started it.
 */
export function judgeRuns(runs: readonly RunEnd[], what: string): Finding {
  const works = Map.groupBy(
    runs.filter(({ ended }) => ended !== "without work"),
    ({ key }) => key,
  );
  const failing = [...works.values()]
    .filter((each) => each.some(({ scheduled }) => scheduled))
    .map((each) => each.toSorted((a, b) => (a.at < b.at ? 1 : -1)))
    .map((each) => ({ newest: each[0], bad: countWhile(each, ({ ended }) => ended === "badly") }))
    .filter(({ bad }) => bad > 0)
    .sort((a, b) => b.bad - a.bad);
  const [worst] = failing;
  if (worst === undefined)
    return { state: "ok", found: `The last ${what} of each job went well (${countOf(works.size, "job")}).` };
  const names = [...new Set(failing.map(({ newest }) => newest?.work ?? ""))];
  const often = worst.bad === 1 ? "" : ` ${worst.bad} times in a row`;
  return {
    state: worst.bad >= row ? "critical" : "warning",
    found: `${names.join(", ")}: the last ${what} failed${often}, last on ${formatMinute(worst.newest?.at ?? 0)}.`,
    means: "What it does was not done. People were told of each failure when it happened.",
    next: "Read the run's summary: it names the page to read. Then start the workflow again by its button.",
  };
}

function countWhile<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  const end = items.findIndex((item) => !holds(item));
  return end === -1 ? items.length : end;
}

/** @param untold reports of the last days that some channel did not take, of so many */
export function judgeTold(untold: number, all: number): Finding | undefined {
  if (untold === 0) return undefined;
  return {
    state: "warning",
    found: `Of ${countOf(all, "run")} ${untold} could not be told by every channel.`,
    means: "An alarm may reach fewer people than it should.",
    next: "See the warnings of those runs: a token was revoked, or a server does not answer.",
  };
}
