/** Sizes, times and numbers as people read them. */

const units = ["B", "kB", "MB", "GB", "TB"] as const;

/** Decimal units, three significant digits: `0 B`, `12.3 MB`, `4.05 GB`. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** `2026-11-24`, UTC. @param time ms since 1970, or ISO 8601 */
export function formatDay(time: number | string): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** `2026-11-24 04:41 UTC`. @param time ms since 1970, or ISO 8601 */
export function formatMinute(time: number | string): string {
  return `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/**
 * A moment for people who decide by it: `2026-11-24T04:41:07Z`, and where this machine's time zone is another one
 * `2026-11-24T04:41:07Z (05:41:07+01:00 here)`. @param time ms since 1970, or ISO 8601
 */
export function formatInstant(time: number | string): string {
  const at = new Date(time);
  const utc = `${at.toISOString().slice(0, 19)}Z`;
  const ahead = -at.getTimezoneOffset();
  if (ahead === 0) return utc;
  const local = new Date(at.getTime() + ahead * 60_000).toISOString();
  const [hours, minutes] = [Math.floor(Math.abs(ahead) / 60), Math.abs(ahead) % 60].map((part) =>
    String(part).padStart(2, "0"),
  );
  const day = local.slice(0, 10) === utc.slice(0, 10) ? "" : `${local.slice(0, 10)}T`;
  return `${utc} (${day}${local.slice(11, 19)}${ahead < 0 ? "-" : "+"}${hours}:${minutes} here)`;
}

/** Digits in groups of three: `1,234,567`. Takes decimal digits too, for counts beyond 2^53. */
export function formatCount(count: number | bigint | string): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 table`, `12 tables`. */
export function countOf(count: number | bigint | string, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${String(count) === "1" ? singular : plural}`;
}

/** The text, or as much of it as there is room for, with an ellipsis. @param most characters */
export function clip(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** `a, b, c and 4 more`: names for a person, not a list for a machine. */
export function few(names: readonly string[], most = 10, between = ", "): string {
  const shown = names.slice(0, most).join(between);
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
