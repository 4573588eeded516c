import { formatBytes, formatCount } from "../../base/measures.ts";
import type { Finding } from "./check.ts";
import type { DayFigure } from "./trend.ts";

export interface SetSize {
  /** When its data was read at the source, ISO 8601. */
  readonly at: string;
  readonly rows: number;
  /** Before compression and sealing. */
  readonly bytes: number;
}

export interface ShrinkFacts {
  /** Sets of one tier, newest first. */
  readonly sets: readonly SetSize[];
  /** What was kept of earlier days, oldest first. */
  readonly rowsByDay: readonly DayFigure[];
  readonly bytesByDay: readonly DayFigure[];
  /** The policy's `backup.smallestShareOfLastSet`: a set of which less is left is refused. 0: switched off. */
  readonly share: number;
  readonly now: Date;
}

/** A loss of some rows a day shows only against sets of some weeks ago. */
const windowDays = 42;

/**
 * Whether the newest set holds much less than those before it did at most. Less than the policy's share is critical, halfway to it a
 * warning: a backup compares itself with the last set alone, and lets a slow loss pass.
 */
export function judgeShrink({ sets, rowsByDay, bytesByDay, share, now }: ShrinkFacts): Finding {
  const [newest, ...earlier] = sets;
  if (newest === undefined) return { state: "ok", found: "There is no set yet to compare." };
  const since = now.getTime() - windowDays * 86_400_000;
  const most = (own: readonly number[], kept: readonly DayFigure[]): number =>
    Math.max(0, ...own, ...kept.filter(({ day }) => Date.parse(day) >= since).map(({ value }) => value));
  const recent = earlier.filter(({ at }) => Date.parse(at) >= since);
  const rows = most(
    recent.map((one) => one.rows),
    rowsByDay,
  );
  const bytes = most(
    recent.map((one) => one.bytes),
    bytesByDay,
  );
  const left = Math.min(rows === 0 ? 1 : newest.rows / rows, bytes === 0 ? 1 : newest.bytes / bytes);
  const measure = { value: newest.rows, limit: null, unit: "rows" as const };
  const holds = `The newest set holds ${formatCount(newest.rows)} rows and ${formatBytes(newest.bytes)}`;
  if (share === 0 || left >= (1 + share) / 2) return { state: "ok", found: `${holds}.`, measure };
  return {
    state: left < share ? "critical" : "warning",
    found: `${holds}; within ${windowDays} days it was up to ${formatCount(rows)} rows and ${formatBytes(bytes)}.`,
    means:
      "Rows may be getting lost in the database, or a backup reads less than it should. Older sets still hold them.",
    next: "See whether somebody deleted on purpose; then silence this check for a while. If not, hold an older set (`lifeboat hold`) and see runbooks/recover-minor-corruption.md.",
    measure,
  };
}
