import { formatMinute } from "../../base/measures.ts";
import type { Silence } from "../../config/policy/monitor.ts";
import type { ChannelName } from "../../config/policy/policy.ts";
import { type Reached, unreachedAfter } from "./channels.ts";
import type { CheckResult } from "./check.ts";
import { silenceOf } from "./silences.ts";
import { type CheckRecord, type MonitorState, withMeasures } from "./state.ts";

/**
 * Who is told what, and when: a pure function from what was known and what was found. What is told counts as told only when `confirmed` says
 * so; until then every later run tells it again.
 */

const hour = 3_600_000;
/** A run that was to tell something and has not said that it did is given up after so long. */
const claimMillis = 15 * 60_000;
/** Less than a day: the monitor's runs come late, and the reminder must not move on by one run each day. */
const reminderMillis = 21 * hour;
/** What turned again within a day of being well is told as well only when it has been so for this long. */
const settledMillis = 12 * hour;
/** What was well for so long, and is no worse than a warning now, is told when a second look finds it too: most of it passes by itself. */
const calmMillis = settledMillis;

/** One check in a message. */
export interface Turn {
  readonly check: CheckResult;
  /** `turned`: worse than what people know, or no longer silenced. */
  readonly kind: "turned" | "still" | "well";
  readonly since: string;
}

/** At most one of each level in a run. */
export interface Message {
  readonly level: "critical" | "warning" | "good";
  /** Newly turned ones first. */
  readonly turns: readonly Turn[];
  /** Those that have heard of it, for what is well again; undefined: as the policy says. */
  readonly to?: readonly ChannelName[];
  /** Nothing else is wrong. */
  readonly allWell: boolean;
}

export interface Advance {
  /** To be kept before anybody is told. */
  readonly after: MonitorState;
  readonly messages: readonly Message[];
  /** Checks of which something was told and that are not in the table any more, e.g. renamed. */
  readonly vanished: readonly string[];
}

interface AdvanceOptions {
  readonly now: Date;
  /** Of this run: it may tell what it was about to tell before. */
  readonly run: string;
  readonly silences: readonly Silence[];
  readonly unknownHours: number;
}

/** How bad a check is for people: 2 critical, 1 warning, 0 well. */
type Badness = 0 | 1 | 2;
const badnessOf = { warning: 1, critical: 2 } as const;

/** @param known what is kept; `noState` where nothing is, and then nothing counts as told */
export function advance(
  known: MonitorState,
  results: readonly CheckResult[],
  { now, run, silences, unknownHours }: AdvanceOptions,
): Advance {
  const checks: Record<string, CheckRecord> = {};
  const turns: (Turn & { readonly level: Message["level"]; readonly by: readonly ChannelName[] })[] = [];
  let bad = 0;
  for (const check of results) {
    const past = trusted(own(known.checks, check.id), now);
    const since = past?.state === check.state ? past.since : now.toISOString();
    const silenced = silenceOf(silences, check.id, now) !== undefined;
    const dueAt = check.state === "unknown" ? past?.dueAt : check.dueAt;
    const due = { ...(dueAt !== undefined && { dueAt }) };
    const badness = badnessNow({ state: check.state, since, told: past?.told ?? null, ...due }, now, unknownHours);
    // What is still bad when its silence ends is told as if nobody had heard of it.
    const told = past?.silenced === true && !silenced && badness > 0 ? null : (past?.told ?? null);
    const record = { state: check.state, since, told, wellAt: past?.wellAt ?? null, silenced, ...due };
    if (badness > 0 && !silenced) bad++;
    const calm = past?.state === "ok" && now.getTime() - Date.parse(past.since) >= calmMillis;
    const kind = silenced || (calm && badness === 1) ? undefined : dueTurn(record, badness, now);
    const claimed = past?.telling != null && past.telling.run !== run ? past.telling : null;
    checks[check.id] = { ...record, telling: kind === undefined ? null : (claimed ?? { at: now.toISOString(), run }) };
    if (kind !== undefined && claimed === null) {
      const level = kind === "well" ? "good" : badness === 2 ? "critical" : "warning";
      turns.push({ check, kind, since, level, by: record.told?.by ?? [] });
    }
  }
  const messages = (["critical", "warning", "good"] as const).flatMap((level): Message[] => {
    const of = turns.filter((turn) => turn.level === level);
    if (of.length === 0) return [];
    const sorted = [...of].sort((a, b) => Number(a.kind === "still") - Number(b.kind === "still"));
    const to = level === "good" && { to: [...new Set(of.flatMap(({ by }) => by))] };
    return [
      { level, turns: sorted.map(({ check, kind, since }) => ({ check, kind, since })), ...to, allWell: bad === 0 },
    ];
  });
  const gone = Object.entries(known.checks).filter(([id]) => !Object.hasOwn(checks, id));
  return {
    after: { ...known, at: now.toISOString(), checks, history: withMeasures(known.history, results, now) },
    messages,
    vanished: gone.filter(([, { told }]) => told !== null).map(([id]) => id),
  };
}

function own<Value>(all: Readonly<Record<string, Value>>, id: string): Value | undefined {
  return Object.hasOwn(all, id) ? all[id] : undefined;
}

/** What a record says of the future comes from a clock that was wrong. It must keep nobody from being told. */
function trusted(record: CheckRecord | undefined, now: Date): CheckRecord | undefined {
  if (record === undefined) return undefined;
  const past = (at: string): boolean => Date.parse(at) <= now.getTime();
  const { since, told, telling, wellAt } = record;
  return {
    ...record,
    since: past(since) ? since : now.toISOString(),
    told: told === null || past(told.at) ? told : { ...told, at: new Date(0).toISOString() },
    telling: telling !== null && isFresh(telling.at, now) ? telling : null,
    wellAt: wellAt !== null && past(wellAt) ? wellAt : null,
  };
}

/** What cannot be found out is as bad as what people last heard, and critical when it lasts. */
function badnessNow(
  { state, since, told, dueAt }: Pick<CheckRecord, "state" | "since" | "told" | "dueAt">,
  now: Date,
  unknownHours: number,
): Badness {
  if (state !== "unknown") return state === "ok" ? 0 : badnessOf[state];
  return unknownDue({ since, dueAt }, unknownHours) <= now || told?.level === "critical" ? 2 : 1;
}

/** From when on a check that is unknown is critical: after `unknownHours`, and when what was known last stops to be true before that. */
function unknownDue({ since, dueAt }: Pick<CheckRecord, "since" | "dueAt">, unknownHours: number): Date {
  const lasts = Date.parse(since) + unknownHours * hour;
  return new Date(dueAt === undefined ? lasts : Math.min(lasts, Date.parse(dueAt)));
}

/**
 * What everybody is shown: what could not be found out for `unknownHours` is critical, as it is for alerts; until then it says from when on it
 * will be, so that a page that nobody renews turns by itself.
 */
export function shownResults(
  results: readonly CheckResult[],
  checks: MonitorState["checks"],
  { now, unknownHours }: Pick<AdvanceOptions, "now" | "unknownHours">,
): CheckResult[] {
  return results.map((result) => {
    if (result.state !== "unknown") return result;
    const record = own(checks, result.id) ?? { since: now.toISOString() };
    const { since } = record;
    const due = unknownDue(record, unknownHours);
    if (due > now) return { ...result, dueAt: due.toISOString() };
    return { ...result, state: "critical", found: `${result.found} Unknown since ${formatMinute(since)}.` };
  });
}

/** Whether people hear of it now, and as what. */
function dueTurn(
  { since, told, wellAt }: Pick<CheckRecord, "since" | "told" | "wellAt">,
  badness: Badness,
  now: Date,
): Turn["kind"] | undefined {
  const age = (at: string): number => now.getTime() - Date.parse(at);
  const heard: Badness = told === null ? 0 : badnessOf[told.level];
  if (badness > heard) return "turned";
  if (badness === 2 && told !== null && age(told.at) >= reminderMillis) return "still";
  if (badness > 0 || heard === 0) return undefined;
  // What comes and goes is told once as bad, not at each turn.
  const flaps = wellAt !== null && age(wellAt) < 24 * hour;
  return !flaps || age(since) >= settledMillis ? "well" : undefined;
}

/** What was told, by which channels, and which did not take it. */
export interface Confirmation extends Reached {
  readonly message: Message;
}

/** What one run has told, and whether it has sent the day's summary. */
export interface Heard {
  readonly confirmations: readonly Confirmation[];
  /** Undefined: it was not this run's to send. */
  readonly summary?: Reached | undefined;
  readonly now: Date;
}

/** The state with what was told. What reached nobody is told again by the next run, whichever it is. */
export function confirmed(state: MonitorState, { confirmations, summary, now }: Heard): MonitorState {
  const checks = { ...state.checks };
  for (const confirmation of confirmations) {
    for (const turn of confirmation.message.turns) {
      const record = own(checks, turn.check.id);
      if (record !== undefined)
        checks[turn.check.id] = { ...record, telling: null, ...heard(record, turn, confirmation, now) };
    }
  }
  const sent = summary === undefined || state.summary === null ? state.summary : told(state.summary, summary);
  const all = summary === undefined ? confirmations : [...confirmations, summary];
  return { ...state, checks, summary: sent, unreached: unreachedAfter(state.unreached, all, now, "message") };
}

/** A summary that reached nobody is free again. */
function told(claim: NonNullable<MonitorState["summary"]>, { told }: Reached): MonitorState["summary"] {
  return told.length > 0 ? { ...claim, told: true } : null;
}

function heard(
  record: CheckRecord,
  { kind }: Turn,
  { message, told, untold }: Confirmation,
  now: Date,
): Partial<CheckRecord> {
  const at = now.toISOString();
  // Nobody may be left to hear that it is well: an issue that is closed, a channel that is not set any more.
  if (message.level === "good") return told.length > 0 || untold.length === 0 ? { told: null, wellAt: at } : {};
  if (told.length === 0) return {};
  const by = kind === "still" ? [...new Set([...(record.told?.by ?? []), ...told])] : [...told];
  return { told: { level: message.level, at, by } };
}

/** Takes the day's summary for this run when it is time. One that reached nobody, or whose run never said so, is free again. */
export function claimSummary(
  state: MonitorState,
  { now, run, hour }: { readonly now: Date; readonly run: string; readonly hour: number | null },
): { readonly state: MonitorState; readonly due: boolean } {
  const day = now.toISOString().slice(0, 10);
  const { summary } = state;
  if (hour === null || now.getUTCHours() < hour) return { state, due: false };
  const claimed = summary?.day === day && summary.run !== run && isFresh(summary.at, now);
  if (summary?.day === day && (summary.told || claimed)) return { state, due: false };
  return { state: { ...state, summary: { day, at: now.toISOString(), run, told: false } }, due: true };
}

function isFresh(at: string, now: Date): boolean {
  const age = now.getTime() - Date.parse(at);
  return age >= 0 && age < claimMillis;
}
