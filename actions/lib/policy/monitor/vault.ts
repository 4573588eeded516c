import { countOf, few, formatDay, formatMinute } from "../../base/measures.ts";
import { setIdPattern } from "../../vault/format/manifest.ts";
import { quarterDays, type Rotation } from "../deep-rotation.ts";
import { ageOf, type PromiseFinding, span } from "../promises.ts";
import type { CheckState, Finding } from "./check.ts";
import { isAhead } from "./due.ts";

/** What is wrong with one part of the vault: one row of a check that looks at several. */
export interface Trouble {
  readonly state: "warning" | "critical";
  readonly found: string;
  readonly next: string;
}

/** One finding about several parts: the worst of them decides, and says what to do. */
export function judgeTroubles(troubles: readonly Trouble[], good: string, means: string): Finding {
  const worst = troubles.find(({ state }) => state === "critical") ?? troubles[0];
  if (worst === undefined) return { state: "ok", found: good };
  const more =
    troubles.length === 1 ? "" : ` And ${countOf(troubles.length - 1, "more thing is", "more things are")} wrong.`;
  return { state: worst.state, found: `${sentence(withoutNames(worst.found))}${more}`, means, next: worst.next };
}

function sentence(text: string): string {
  const whole = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** Alarms as the vault's own checks write them, all of them critical. */
export function alarmTroubles(alarms: readonly string[], next: string): Trouble[] {
  return alarms.map((found) => ({ state: "critical", found, next }));
}

/**
 * The words of an alarm for everybody to read. Keys of objects and the words of others stand in brackets or come last, and whoever can write
 * the bucket chooses them.
 */
export function withoutNames(alarm: string): string {
  return alarm
    .replace(/^ALARM: /, "")
    .replace(/ \(.*\)/s, "")
    .replace(/(cannot be (?:told|looked at)): .*/s, "$1.");
}

/** An incident that is on, forgotten, or none. Its reason and an odd name are others' words, and are not told. */
export function judgeIncident(
  incident: { readonly id: string; readonly since: string | null } | null,
  longestDays: number,
  now: Date,
): Finding {
  if (incident === null) return { state: "ok", found: "No incident is on." };
  const { since } = incident;
  const id = setIdPattern.test(incident.id) ? ` ${incident.id}` : "";
  const age = since === null ? "for a time that cannot be told" : `for ${span(ageOf(since, now))}`;
  const due = since === null ? now : new Date(Date.parse(since) + longestDays * 86_400_000);
  const forgotten = due <= now;
  return {
    state: forgotten ? "critical" : "warning",
    found: `Incident${id} is on ${age}; the policy expects its end within ${longestDays} days.`,
    means: "Nothing is removed, and no set that is made now counts as a good one.",
    next: "See `lifeboat incident`. When it is over: `lifeboat incident end --reason …` (runbooks/incident.md).",
    ...(!forgotten && { dueAt: due.toISOString() }),
  };
}

/** Days before a key's end from which on it is critical: making, reviewing and pinning its successor takes some. */
const keyDays = 14;

export interface PinnedKey {
  readonly role: string;
  readonly expires: Date | null;
}

/** Whether the keys that are in use end soon. @param problems codes of what is wrong with the pins at all, e.g. `recipient-missing` */
export function judgeKeys(
  keys: readonly PinnedKey[],
  problems: readonly string[],
  warnDays: number,
  now: Date,
): Finding {
  const next =
    "Make the successor with `lifeboat keys generate`, pin it by a pull request, then `lifeboat keys rewrap`.";
  const [problem] = problems;
  if (problem !== undefined) {
    return {
      state: "critical",
      found: `The pinned keys are not as the policy needs them (${[...new Set(problems)].join(", ")}).`,
      means: "Backups stop, or are sealed to fewer people than they should be.",
      next: "`lifeboat check` names the keys and what to do.",
    };
  }
  const ending = keys
    .flatMap(({ role, expires }) => (expires === null ? [] : [{ role, expires }]))
    .sort((a, b) => a.expires.getTime() - b.expires.getTime());
  const [first] = ending;
  if (first === undefined) return { state: "ok", found: "No pinned key has an end." };
  const days = (first.expires.getTime() - now.getTime()) / 86_400_000;
  const found = `The ${first.role} key ${days > 0 ? "ends" : "ended"} on ${formatDay(first.expires.getTime())}.`;
  if (days > warnDays)
    return { state: "ok", found: `${found} No other ends earlier.`, dueAt: dayBefore(first.expires, keyDays) };
  return {
    ...{ state: days <= keyDays ? "critical" : "warning", found, next },
    means: "After it nothing should be sealed or signed with this key; old sets stay readable.",
    ...(days > keyDays && { dueAt: dayBefore(first.expires, keyDays) }),
  };
}

function dayBefore(end: Date, days: number): string {
  return new Date(end.getTime() - days * 86_400_000).toISOString();
}

/** S3 refuses a request whose time is further off (RequestTimeTooSkewed). */
const mostMinutesOff = 15;
const fewMinutesOff = 3;

/** @param ours this machine's clock @param store the store's, asked at the same time */
export function judgeClocks(ours: Date, store: Date): Finding {
  const minutes = (ours.getTime() - store.getTime()) / 60_000;
  const off = Math.round(Math.abs(minutes));
  if (off < fewMinutesOff) return { state: "ok", found: "This machine's clock agrees with the store's." };
  return {
    state: off > mostMinutesOff ? "critical" : "warning",
    found: `This machine's clock is ${off} minutes ${minutes > 0 ? "ahead of" : "behind"} the store's.`,
    means: "Sets are named, ordered and locked by it, and every age on this page is wrong by as much.",
    next: "Set the clock of the runner; on one of GitHub's, run the workflow again.",
  };
}

/** How far the opening of all files' packs has come. @param rotation undefined: nothing that counts is noted */
export function judgeDeepReads(rotation: Rotation | undefined, now: Date): Finding {
  const means = "Damage inside a pack of files would show only when somebody wants the file back.";
  const next =
    "Run restore-test by its button, and see under Actions why it did not run or failed: each of its runs opens the share whose turn it is.";
  if (rotation === undefined)
    return { state: "warning", found: "Nobody has opened the packs of the files yet.", means, next };
  if (isAhead(rotation.readAt, now) || isAhead(rotation.roundBegan, now))
    return {
      state: "critical",
      found: `Packs were opened last on ${formatMinute(rotation.readAt)}, by a clock that is wrong.`,
      means,
      next,
    };
  const due = new Date(Date.parse(rotation.roundBegan) + quarterDays * 86_400_000);
  const found =
    `All packs are opened once in ${quarterDays} days: this round began on ${formatDay(rotation.roundBegan)}, ` +
    `and some were opened last on ${formatDay(rotation.readAt)}.`;
  if (due <= now) return { state: "critical", found, means, next };
  const idle = ageOf(rotation.readAt, now) / 1440;
  const state: CheckState = idle > quarterDays / 2 ? "warning" : "ok";
  return { state, found, ...(state !== "ok" && { means, next }), dueAt: due.toISOString() };
}

/** Findings of the policy check that checks of their own tell. */
const toldElsewhere = /^now\./;

/** What is promised beside what is true. */
export function judgeKept(findings: readonly PromiseFinding[]): Finding {
  const own = findings.filter(({ name }) => !toldElsewhere.test(name));
  const of = (level: PromiseFinding["level"]): PromiseFinding[] => own.filter((each) => each.level === level);
  const [broken, accepted, doubtful] = [of("broken"), of("accepted"), of("doubtful")];
  const taken = accepted.length === 0 ? "" : ` ${countOf(accepted.length, "gap is", "gaps are")} accepted for a while.`;
  const doubts =
    doubtful.length === 0 ? "" : ` Doubtful: ${few(doubtful.map(({ name }) => name))} (\`lifeboat policy check\`).`;
  const [first] = broken;
  // What is doubtful may stay so for good: an archive that takes hours to thaw does.
  if (first === undefined) return { state: "ok", found: `What is promised holds.${taken}${doubts}` };
  const more = broken.length === 1 ? "" : ` And ${broken.length - 1} more.`;
  return {
    state: "critical",
    found: `${first.message}${more}${taken}`,
    means: "A recovery takes longer, or loses more, than is promised.",
    next: `${first.next} All of them: \`lifeboat policy check\`.`,
  };
}
