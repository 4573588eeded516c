import { formatDuration } from "../base/measures.ts";
import type { Scenario } from "../config/policy/promises.ts";
import { scenarioNames } from "./promises.ts";

/** `2 min`, `37 h 41 min`, `7 days`, `everything`: what a recovery may cost, for people. @param minutes may be infinite */
export function span(minutes: number): string {
  if (!Number.isFinite(minutes)) return "everything";
  if (minutes < 72 * 60) return formatDuration(minutes * 60_000);
  const days = Math.round(minutes / 144) / 10;
  return `${days} days`;
}

/** `a, b and c` */
export function joined(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Minutes from an ISO 8601 time until now. */
export function ageOf(time: string, now: Date): number {
  return Math.max(0, (now.getTime() - Date.parse(time)) / 60_000);
}

/** `2 h is promised for complete data loss and 4 h for regional disaster`: each promise once, with those that have it. */
export function promisedFor(scenarios: readonly Scenario[], promisedMinutes: (scenario: Scenario) => number): string {
  const groups = Map.groupBy(scenarios, promisedMinutes);
  const told = [...groups].map(([minutes, group], index) => {
    const verb = index === 0 ? " is promised" : "";
    return `${span(minutes)}${verb} for ${joined(group.map((scenario) => scenarioNames[scenario]))}`;
  });
  return joined(told);
}
