import { countOf, few, formatMinute } from "../base/measures.ts";
import type { Message, Turn } from "../policy/monitor/alerts.ts";
import type { Alert, PageUrl } from "./alert.ts";

/** Checks whose findings stand in a message; the others are named. */
const mostTold = 12;
/** From so many on a message says what each found, and leaves what to do to the runbooks. */
const manyTurns = 4;

const openings = { critical: "Critical", warning: "Warning", good: "Well again" } as const;

/** What people hear of the monitor's checks: one check with all that is known, several with a line each. */
export function monitorAlert(message: Message, pageUrl: PageUrl): Alert {
  const { level, turns, allWell } = message;
  const [first] = turns;
  const alone = turns.length === 1 ? first?.check : undefined;
  const titles = few(
    turns.map(({ check }) => check.title),
    3,
  );
  const still = turns.filter(({ kind }) => kind === "still").length;
  return {
    level: level === "good" ? (allWell ? "good" : "better") : level,
    title: `${openings[level]}: ${alone?.title ?? `${countOf(turns.length, "check")} of the monitor`}`,
    sentence:
      alone?.found ?? (still > 0 && still < turns.length ? `${titles}. Known already: ${still}.` : `${titles}.`),
    facts:
      alone === undefined || first === undefined
        ? []
        : [
            ["since", formatMinute(first.since)],
            ["check", alone.id],
          ],
    lines: [
      ...(alone === undefined ? linesOf(message) : level === "good" || alone.means === undefined ? [] : [alone.means]),
      ...(level === "good" ? [] : [howToSilence(alone)]),
    ],
    next: level === "good" ? undefined : (alone ?? first?.check)?.next,
    links: level === "good" ? [] : runbooks(turns, pageUrl),
  };
}

/** For what people know and work on: the message itself says how not to hear of it every day. */
function howToSilence(check: Turn["check"] | undefined): string {
  const which = check === undefined ? " (CHECK is its name in `lifeboat monitor`)" : "";
  return `Known, and somebody is working on it? \`lifeboat silence ${check?.id ?? "CHECK"} --until DATE --reason TEXT\`${which}.`;
}

function linesOf({ level, turns }: Message): string[] {
  const told = turns.slice(0, mostTold).map(({ check, kind, since }) => {
    const known = kind === "still" ? ` (since ${formatMinute(since)})` : "";
    const next = level === "good" || turns.length >= manyTurns || check.next === undefined ? "" : ` ${check.next}`;
    return `${check.title}${known}: ${check.found}${next}`;
  });
  const left = turns.slice(mostTold).map(({ check }) => check.title);
  return left.length === 0 ? told : [...told, `And ${few(left, 20)}.`];
}

function runbooks(turns: readonly Turn[], pageUrl: PageUrl): Alert["links"] {
  const pages = [...new Set(turns.map(({ check }) => check.runbook))].slice(0, 5);
  return pages.flatMap((page) => {
    const url = pageUrl(page);
    return url === undefined ? [] : [{ text: `Runbook: ${page}`, url }];
  });
}
