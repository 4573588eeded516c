import { formatCount, formatDuration } from "../../../actions/lib/base/measures.ts";
import type { Page } from "../../../actions/lib/report/page.ts";
import { bounds, type Played, playIncident } from "./play.ts";

/** What people call each outcome. */
const words: Readonly<Record<string, string>> = {
  proven: "recovered, proven from inside",
  unproven: "back, and UNPROVEN: somebody has to look",
  "recovery-not-back": "decision: nothing has come back",
  "recovery-not-proven": "decision: something is there, and it is not shown to be right",
  "recovery-restore-failed": "decision: Supabase says that it failed",
  "recovery-refused": "decision: Supabase refuses",
  "recovery-unsure": "decision: no answer to the request, and no sign of it",
  "recovery-set-missing": "decision: no set of what is there now",
  "recovery-pitr-off": "decision: there is no point-in-time recovery",
  "refused: phase-late": "decision: a phase has not ended in time",
  "refused: api-unavailable": "decision: the API does not answer",
  "refused: api-answer": "decision: the API's answers are of an unknown form",
  "refused: api-denied": "refused: the token may not do it",
  "refused: api-token": "refused: the token has ended",
  "refused: time-before-window": "refused: the moment is too old",
};

export async function playAll(count: number): Promise<Played[]> {
  const played: Played[] = [];
  for (let seed = 1; seed <= count; seed++) played.push(await playIncident(seed));
  return played;
}

/** @returns false words: what was called recovered and was not, and what came later than it may */
export function brokenIn(played: readonly Played[]): { readonly lies: Played[]; readonly late: Played[] } {
  return {
    lies: played.filter(({ lie }) => lie !== undefined),
    late: played.filter(({ seconds }) => seconds > bounds.rtoMinutes * 60),
  };
}

/** What came of all of them, for people. */
export function incidentsPage(played: readonly Played[]): Page {
  const { lies, late } = brokenIn(played);
  const outcomes = [...Map.groupBy(played, ({ outcome }) => outcome)].sort(([, a], [, b]) => b.length - a.length);
  const alone = Map.groupBy(
    played.filter(({ troubles }) => troubles.length <= 1),
    ({ troubles }) => troubles[0] ?? "nothing goes wrong",
  );
  return {
    title: "A thousand incidents",
    sentence: `${formatCount(played.length)} recoveries to a point in time, each with up to three of ${alone.size - 1} troubles by its seed: ${lies.length} times one was called recovered that was not, ${late.length} times a decision came later than ${bounds.rtoMinutes} minutes.`,
    tables: [
      {
        title: "What came of them",
        header: ["outcome", "times", "after, half of them", "after, at most"],
        rows: outcomes.map(([outcome, some]) => [words[outcome] ?? outcome, formatCount(some.length), ...times(some)]),
      },
      {
        title: "Of one trouble alone",
        header: ["trouble", "outcomes", "after, half of them", "after, at most"],
        rows: [...alone]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([trouble, some]) => [trouble, countsOf(some), ...times(some)]),
      },
    ],
    notes: [
      "The phases, the judge and the client of the API are the real ones; Supabase, the database and the clock are simulated.",
      "Where a database was dead for minutes before its moment, no sentinel is near it: then nothing proves the moment.",
    ],
  };
}

function times(some: readonly Played[]): [string, string] {
  const sorted = some.map(({ seconds }) => seconds * 1000).sort((a, b) => a - b);
  return [formatDuration(sorted[Math.floor(sorted.length / 2)] ?? 0), formatDuration(sorted.at(-1) ?? 0)];
}

function countsOf(some: readonly Played[]): string {
  const counted = [...Map.groupBy(some, ({ outcome }) => outcome)].sort(([, a], [, b]) => b.length - a.length);
  return counted.map(([outcome, those]) => `${those.length} ${words[outcome] ?? outcome}`).join("; ");
}
