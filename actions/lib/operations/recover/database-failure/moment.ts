import { ConfigurationError } from "../../../base/errors.ts";
import { formatDuration } from "../../../base/measures.ts";

/** Recovery points have whole seconds: the Management API takes seconds since 1970. */
export interface Moment {
  /** Seconds since 1970, UTC. */
  readonly unix: number;
  /** As it was typed. */
  readonly typed: string;
}

const form = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:([Zz])|([+-])(\d\d):(\d\d))?$/;
const example = "2026-11-29T14:05:00Z or 2026-11-29T09:05:00-05:00";

/**
 * Reads the moment that a database is to go back to. It must be RFC 3339 with its offset: a clock on the wall tells two moments
 * in the night in which summer time ends, and another one on the machine of whoever runs the command.
 * A part of a second is cut off, towards the past: what happened later in that second is not wanted.
 *
 * @param zone in which a time without offset may have been meant, for the message
 * @throws ConfigurationError `time-form`, `time-offset`, `time-future`
 */
export function readMoment(text: string, now: number, zone: string = localZone()): Moment {
  const parts = form.exec(text.trim());
  const [, year, month, day, hour, minute, second, , utc, sign, hours = "", minutes = ""] = parts ?? [];
  const wall =
    parts && Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  // Date.UTC takes a 31 February for a 3 March.
  const isDate = wall && new Date(wall).toISOString().startsWith(`${year}-${month}-${day}T${hour}:${minute}:${second}`);
  if (!isDate || Number(hours) > 23 || Number(minutes) > 59)
    throw new ConfigurationError(
      "time-form",
      `${JSON.stringify(text.slice(0, 60))} is no moment.`,
      `Give date, time and offset, e.g. ${example}.`,
    );
  if (utc === undefined && sign === undefined) {
    const meant = [...momentsOf(wall, zone)].map((one) => atOffset(wall, one - wall));
    throw new ConfigurationError("time-offset", withoutOffset(text.trim(), zone, meant), offsetAdvice(meant));
  }
  const offset = utc ? 0 : (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  const unix = Math.floor((wall - offset) / 1000);
  if (unix * 1000 > now)
    throw new ConfigurationError(
      "time-future",
      `${utcSecond(unix * 1000)} is in the future: it is ${utcSecond(now)} now.`,
      "Give a moment before the damage. Check the offset, and this machine's clock.",
    );
  return { unix, typed: text.trim() };
}

function withoutOffset(text: string, zone: string, meant: readonly string[]): string {
  if (meant.length === 1) return `${text} has no offset.`;
  return meant.length === 0
    ? `${text} has no offset, and in ${zone} there was no such time: clocks were put forward over it.`
    : `${text} has no offset, and in ${zone} it was twice: clocks were put back over it.`;
}

function offsetAdvice(meant: readonly string[]): string {
  if (meant.length === 0) return `Give it with the offset, e.g. ${example}.`;
  return `Give it with the offset: ${meant.join(" or ")} if this machine's local time is meant, or with Z for UTC.`;
}

/** The zone of this machine. */
function localZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Moments (ms) at which a clock in the zone shows this time: none, one, or two around a change of summer time. */
function momentsOf(wall: number, zone: string): Set<number> {
  const near = [-26, -1, 0, 1, 26].map((hours) => offsetOf(wall + hours * 3_600_000, zone));
  return new Set(
    near
      .map((offset) => wall - offset)
      .filter((moment) => moment + offsetOf(moment, zone) === wall)
      .sort((a, b) => a - b),
  );
}

/** What the zone's clock is ahead of UTC at a moment, in milliseconds. */
function offsetOf(moment: number, zone: string): number {
  const format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
  const name = format.formatToParts(moment).find(({ type }) => type === "timeZoneName")?.value ?? "GMT";
  const [, sign, hours = "0", minutes = "0", seconds = "0"] =
    /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(name) ?? [];
  return (sign === "-" ? -1 : 1) * ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

/** @param behind milliseconds from the wall's time to the moment: the offset, turned round */
function atOffset(wall: number, behind: number): string {
  const minutes = Math.round(Math.abs(behind) / 60_000);
  const two = (number: number): string => String(number).padStart(2, "0");
  const offset = `${behind > 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return `${new Date(wall).toISOString().slice(0, 19)}${offset}`;
}

/** `2026-11-29 14:05:00 UTC`. */
export function utcSecond(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** The last moment of which something good is known: a sentinel or a set. */
export interface LastGood {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** E.g. `the newest sentinel`. */
  readonly what: string;
}

/**
 * A moment so that nobody takes it for another: in UTC, in local time, and by its distance from what is known.
 * `2026-11-29 14:05:00 UTC, 2026-11-29 09:05:00 in America/New_York, 3 min before the newest sentinel (14:08:00 UTC)`
 */
export function describeMoment({ unix }: Moment, lastGood: LastGood | undefined, zone: string = localZone()): string {
  const at = unix * 1000;
  const local = new Date(at + offsetOf(at, zone)).toISOString().slice(0, 19).replace("T", " ");
  const parts = [utcSecond(at), ...(zone === "UTC" ? [] : [`${local} in ${zone}`])];
  if (lastGood !== undefined) {
    const distance = lastGood.at - at;
    const side = distance < 0 ? "after" : "before";
    parts.push(`${formatDuration(Math.abs(distance))} ${side} ${lastGood.what} (${utcSecond(lastGood.at)})`);
  }
  return parts.join(", ");
}

/** What point-in-time recovery can go back to, in seconds since 1970. `latest` moves on, a minute or two behind the clock. */
export interface Window {
  readonly earliest: number;
  readonly latest: number;
}

/** @throws ConfigurationError `time-before-window`: waiting does not help */
export function refuseBeforeWindow({ unix }: Moment, { earliest }: Window): void {
  if (unix >= earliest) return;
  throw new ConfigurationError(
    "time-before-window",
    `Point-in-time recovery of this project goes back to ${utcSecond(earliest * 1000)}, and ${utcSecond(unix * 1000)} is before that.`,
    "Give a later moment, or restore a set of that time into a new project: `lifeboat list`, `lifeboat recover complete-loss`.",
  );
}
