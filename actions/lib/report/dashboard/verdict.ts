import { countOf } from "../../base/measures.ts";
import { type CheckState, checkStates, worstOf } from "../../policy/monitor/check.ts";
import { type Answer, levelOfAnswer } from "../../policy/monitor/recoverable.ts";
import type { Level } from "./html.ts";
import type { StatusCheck, StatusDocument } from "./status.ts";

/** What stands on top of the page and on the badge. */
export interface Verdict {
  readonly level: CheckState;
  /** Whether we can recover: a few words, true when the page was made. */
  readonly answer: string;
  /** What else needs somebody. */
  readonly sentence: string;
}

/** The worst first. */
export const levels: readonly Level[] = [...checkStates, "silenced"];

const words: Readonly<Record<Answer, string>> = {
  yes: "Yes",
  gaps: "Yes, with gaps",
  late: "Yes, but more would be lost than promised",
  no: "No",
  unknown: "Not known",
};

export function answerWords(answer: Answer): string {
  return words[answer];
}

/** A silenced check is shown as that, whatever it found. */
export function levelOf({ state, silence }: Pick<StatusCheck, "state" | "silence">): Level {
  return silence === null || state === "ok" ? state : "silenced";
}

export function countsOf(checks: StatusDocument["checks"]): { readonly level: Level; readonly count: number }[] {
  const found = checks.map(levelOf);
  return levels.map((level) => ({ level, count: found.filter((one) => one === level).length }));
}

/** Silenced checks are left out. Where nothing was looked at, nothing is well. */
export function verdictOf({ checks, scenarios }: Pick<StatusDocument, "checks" | "scenarios">): Verdict {
  const looked = checks.length > 0 && scenarios.length > 0;
  const counts = countsOf(checks);
  const said = counts.flatMap(({ level, count }) => (level === "ok" || count === 0 ? [] : [`${count} ${level}`]));
  const needed = counts.some(({ level, count }) => level !== "ok" && level !== "silenced" && count > 0);
  const quiet = checks.length === 0 ? "Nothing was looked at." : "Nothing needs you now.";
  return {
    level: worstOf([
      ...checks.filter((check) => levelOf(check) !== "silenced"),
      ...scenarios.map(({ answer }) => ({ state: levelOfAnswer[answer] })),
      ...(looked ? [] : [{ state: "unknown" } as const]),
    ]),
    answer: answerOf(scenarios.map(({ answer }) => answer)),
    sentence: [
      ...(needed ? [] : [quiet]),
      ...(said.length === 0 ? [] : [`${said.join(", ")} of ${countOf(checks.length, "check")}.`]),
    ].join(" "),
  };
}

/** Of all scenarios together: the worst, but "no" only where it is so for each. */
function answerOf(answers: readonly Answer[]): string {
  const severity: readonly Answer[] = ["no", "late", "unknown", "gaps", "yes"];
  const found = severity.find((answer) => answers.includes(answer)) ?? "unknown";
  return found === "no" && answers.some((answer) => answer !== "no") ? "Not in every case" : words[found];
}
