import { countOf, formatDuration, formatMinute } from "../../base/measures.ts";
import type { DailyBackup } from "../../supabase/point-in-time.ts";
import type { Finding } from "./check.ts";
import { isAhead } from "./due.ts";
import type { DayFigure } from "./trend.ts";

const hour = 3_600_000;
const day = 24 * hour;

/** Made about 02:00 UTC each day: one that is not there four hours after that is late, one that is not there eight hours after is missing. */
const lateHours = 28;
const missingHours = 32;
/** Two that follow each other are no further apart, whatever the hour that each was made at. */
const widestGap = 36 * hour;

export interface DailyBackups {
  /** Newest first. */
  readonly listed: readonly DailyBackup[];
  /** Days that the plan keeps them. */
  readonly keptDays: number;
  /** When the project was made; undefined: not known. Milliseconds since 1970. */
  readonly createdAt: number | undefined;
}

/** Whether Supabase's own daily backups are complete and not older than a day and a bit. For a project without point-in-time recovery. Pure. */
export function judgeDailyBackups({ listed, keptDays, ...told }: DailyBackups, now: Date): Finding {
  const createdAt = begun(told.createdAt, now);
  // What is dated ahead of us would count as new for ever.
  const known = listed.filter(({ at }) => !isAhead(at, now));
  const complete = known.filter(({ status }) => status === "COMPLETED").map(({ at }) => at);
  const [newest] = complete;
  const texts = {
    means: "Supabase itself could go back to an older moment only: what was written since is in our own sets alone.",
    next: "Look at Database, Backups in the dashboard and open a case with Supabase's support; start the workflow backup by its button, so that our own newest set is fresh.",
  };
  if (newest === undefined) {
    const young = now.getTime() - createdAt < lateHours * hour;
    const found = `Supabase lists no complete daily backup${young ? ", and the project is younger than a day" : ""}.`;
    return { ...texts, state: young ? "warning" : "critical", found };
  }
  const age = now.getTime() - newest;
  const failed = known.filter(({ at, status }) => at > newest && (status === "FAILED" || status === "CANCELLED"));
  const missing = missingDays(complete, Math.max(createdAt, now.getTime() - keptDays * day));
  const found = [
    `The newest daily backup is of ${formatMinute(newest)}, ${formatDuration(Math.max(0, age))} ago.`,
    ...(failed.length > 0 ? [`Since then ${countOf(failed.length, "one has", "have")} failed.`] : []),
    ...(known.some(({ at, status }) => at > newest && status === "PENDING") ? ["One is being made."] : []),
    missing > 0
      ? `Of the last ${countOf(keptDays, "day")}, about ${countOf(missing, "backup is", "backups are")} missing.`
      : `${countOf(complete.length, "is", "are")} listed, none missing.`,
  ].join(" ");
  if (age >= missingHours * hour || failed.length >= 2) return { ...texts, state: "critical", found };
  const dueAt = new Date(newest + missingHours * hour).toISOString();
  if (age >= lateHours * hour || failed.length > 0 || missing > 0) return { ...texts, state: "warning", found, dueAt };
  return { state: "ok", found, dueAt };
}

/** When the project was made; one that is made in the future would be young for ever, and counts as old. */
function begun(createdAt: number | undefined, now: Date): number {
  return createdAt === undefined || isAhead(createdAt, now) ? 0 : createdAt;
}

/** How many are not there that would have been made since `from`, by the holes between those that are. @param times newest first */
function missingDays(times: readonly number[], from: number): number {
  const kept = times.filter((at) => at >= from);
  return [...kept, from].reduce((sum, at, index) => {
    const later = kept[index - 1];
    return later !== undefined && later - at > widestGap ? sum + Math.round((later - at) / day) - 1 : sum;
  }, 0);
}

export interface PitrWindow {
  /** Seconds since 1970; null: there is nothing to go back to yet. */
  readonly window: { readonly earliest: number; readonly latest: number } | null;
  /** Days that the add-on reaches back, as the policy counts on it; null: it does not. */
  readonly days: number | null;
  readonly createdAt: number | undefined;
  /** Rows that were ever written, by the server's own count, and a little later in the same look; undefined: that could not be read. */
  readonly written: { readonly first: number; readonly second: number } | undefined;
  /** The same count on earlier days. */
  readonly history: readonly DayFigure[];
}

/** WAL is archived every two minutes while there is any; the newest moment was seen 19 to 121 seconds back. */
const lagOk = 15 * 60_000;
/** The first write after an idle night is seen before it is archived: after a few hours of nothing else, that is no accident any more. */
const lagCritical = 6 * hour;
/** So long without a single write is believed: a night, a day of the holidays. */
const quietNight = 24 * hour;
/** Without any count that could show a quiet database, so much is odd. */
const blindWarning = 6 * hour;
/** And so much is no lag any more. */
const blindCritical = 48 * hour;

/** Whether the newest moment is older than WAL ever waits to be archived: only then it matters whether rows are being written. */
export function isLagging(window: PitrWindow["window"], now: Date): boolean {
  return window !== null && now.getTime() - window.latest * 1000 > lagOk;
}

/** Whether point-in-time recovery reaches from its first day to now. Of an idle database nothing new is archived, which is no fault. Pure. */
export function judgePitrWindow(facts: PitrWindow, now: Date): Finding {
  const { window, days, written, history } = facts;
  const createdAt = begun(facts.createdAt, now);
  const measure = written && { measure: { value: written.second, limit: null, unit: "rows" as const } };
  const texts = {
    means: "Point-in-time recovery cannot bring back the newest work: it would go back to an older moment only.",
    next: "Look at Database, Backups, Point in time in the dashboard and open a case with Supabase's support; start the workflow backup by its button meanwhile.",
  };
  if (window === null) {
    const known = history.length > 0 && now.getTime() - createdAt > day;
    const found = "Point-in-time recovery is on, and there is no moment yet that it can go back to.";
    return { ...texts, ...measure, state: known ? "critical" : "warning", found };
  }
  const latest = window.latest * 1000;
  if (isAhead(latest, now))
    return {
      ...{ ...texts, ...measure, state: "unknown" },
      found: `Supabase says that one can go back to ${formatMinute(latest)}, which is in the future.`,
    };
  const lag = Math.max(0, now.getTime() - latest);
  const lags = isLagging(window, now);
  const reaches = `It reaches from ${formatMinute(window.earliest * 1000)} to ${formatMinute(latest)}, ${formatDuration(lag)} ago.`;
  const say = (state: Finding["state"], more = ""): Finding => ({
    ...{ state, found: `${reaches}${more}` },
    ...(state === "ok" ? {} : texts),
    ...measure,
  });
  const activity = activitySince(latest, written, history);
  if (lags && activity === "written")
    return say(lag >= lagCritical ? "critical" : "warning", " Rows have been written since.");
  if (lags && activity === "idle")
    return say("ok", " No row was written since then, until now: the database was idle.");
  if (activity === "unreadable" && lag >= blindCritical)
    return say("critical", " Whether anything was written since could not be read.");
  if (lag >= (activity === "unreadable" ? blindWarning : quietNight))
    return say(
      "warning",
      activity === "unreadable"
        ? " Whether anything was written since could not be read."
        : " No row was written while this was looked at; whether any was before cannot be told yet.",
    );
  const promised = days === null ? 0 : Math.min(days * day, now.getTime() - createdAt);
  if (now.getTime() - window.earliest * 1000 < promised - day)
    return {
      ...say("warning", ` The policy counts on ${countOf(days ?? 0, "day")}.`),
      means: "A recovery cannot go back as far as the policy counts on: the add-on is new, or its history was lost.",
      next: "Wait until the add-on has been on for so many days; where it has been, open a case with Supabase's support.",
    };
  return say("ok", lags ? " No row was written while this was looked at: the database seems to be idle." : "");
}

/**
 * Whether rows were written after `latest`, by the server's count of rows. Idle: when the look began it had not moved since the day to
 * which the window reaches; what is written during the look cannot be archived yet. Written: it has moved since a day that began after
 * `latest`, or it moves during the look. `unclear`: none of it can be shown.
 */
function activitySince(
  latest: number,
  written: PitrWindow["written"],
  history: readonly DayFigure[],
): "written" | "idle" | "unclear" | "unreadable" {
  if (written === undefined) return "unreadable";
  const begin = (one: DayFigure): number => Date.parse(one.day);
  const last = history.findLastIndex(({ value }) => value !== written.first);
  const moved = history[last];
  if (moved !== undefined && begin(moved) > latest) return "written";
  const still = history[last + 1];
  if (still !== undefined && latest >= begin(still)) return "idle";
  return written.second === written.first ? "unclear" : "written";
}

/** Whether the add-on is bought on which the policy counts. @param bought days; null: none */
export function judgePitrOn(counted: number, bought: number | null): Finding {
  if (bought !== null && bought >= counted)
    return { state: "ok", found: `The add-on reaches ${countOf(bought, "day")} back.` };
  const found =
    bought === null
      ? "The point-in-time-recovery add-on is off."
      : `The point-in-time-recovery add-on reaches ${countOf(bought, "day")} back.`;
  return {
    state: bought === null ? "critical" : "warning",
    found: `${found} The policy counts on ${countOf(counted, "day")} (promises.supabase.pitrDays).`,
    means: "What is promised for a database failure and for minor corruption does not hold.",
    next: "Switch it on in the dashboard (Add-ons), or promise less: set promises.supabase.pitrDays and run `lifeboat policy check`.",
  };
}

/** Whether Supabase keeps its own backups for as long as the policy counts on. Days. */
export function judgeRestoreWindow(kept: number, counted: number): Finding {
  const found = `Supabase keeps its own backups for ${countOf(kept, "day")}; the policy counts on ${countOf(counted, "day")}.`;
  if (kept >= counted) return { state: "ok", found };
  return {
    ...{ state: "critical", found },
    means: "What is older than Supabase keeps is in our own sets alone, and a recovery that counts on more fails.",
    next: "Take a plan that keeps more, or set promises.supabase.snapshotDays to what it keeps and run `lifeboat policy check`.",
  };
}
