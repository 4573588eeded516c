import { formatDuration } from "../../../base/measures.ts";
import type { PageTable } from "../../../report/page.ts";
import { type Moment, utcSecond } from "./moment.ts";
import type { Cause } from "./work.ts";

/** One way that is left, with what it would lose. */
export interface Way {
  readonly name: string;
  /** What of the work up to the wanted moment would be lost, in milliseconds; null: not known. */
  readonly loses: number | null;
  readonly how: string;
}

export interface WaysQuestion {
  readonly cause: Cause;
  readonly target: Moment;
  /** What somebody types to go on, without options that a way adds: `lifeboat recover database-failure --at …`. */
  readonly command: string;
  /** ISO 8601: state of the newest set that counts. */
  readonly newestSet: { readonly set: string; readonly snapshotAt: string } | undefined;
  /** Complete daily backups of Supabase's own, ms since 1970, newest first. */
  readonly daily: readonly number[];
  readonly pitr: boolean;
  readonly planB: { readonly started: boolean; readonly mostUsdPerMonth: number };
}

const dashboard = (menu: string): string => `supabase.com/dashboard, the project, Database, Backups, ${menu}`;

/** Everything that somebody could do now, what costs least first. Pure. */
export function waysLeft(question: WaysQuestion): Way[] {
  const { cause, target, command, newestSet, daily, pitr, planB } = question;
  const at = target.unix * 1000;
  const ways: Way[] = [];
  const hopeless = cause === "pitr-off" || cause === "restore-failed" || cause === "no-window";
  if (!hopeless) ways.push({ name: "go on", loses: 0, how: `Run it again: ${command}` });
  if (pitr && cause !== "no-window")
    ways.push({
      name: "by hand",
      loses: 0,
      how: `${dashboard("Point in time")}: choose ${utcSecond(at)}, read the time once more in the confirmation (it shows the browser's zone), then Restore. Then: ${command} --asked-at TIME (when you pressed it, with offset) waits for it, and proves it from inside.`,
    });
  if (newestSet !== undefined && !planB.started)
    ways.push({
      name: "plan B",
      loses: at - Date.parse(newestSet.snapshotAt),
      how: `${Date.parse(newestSet.snapshotAt) > at ? "That set is newer than the moment: what is to be undone may be in it. " : ""}${command} --plan-b start makes a new project beside it from set ${newestSet.set} (at most $${planB.mostUsdPerMonth} a month, by the policy). Keys and addresses change; files come too.`,
    });
  const day = daily.find((time) => time <= at);
  if (day !== undefined)
    ways.push({
      name: "Supabase's daily backup",
      loses: at - day,
      how: `${dashboard("Scheduled backups")}: take the one of ${utcSecond(day)}, Restore, confirm. The project is not available meanwhile; files are not in it: lifeboat restore-files brings them back.`,
    });
  return ways.sort((a, b) => (a.loses ?? Number.POSITIVE_INFINITY) - (b.loses ?? Number.POSITIVE_INFINITY));
}

export function waysTable(ways: readonly Way[]): PageTable {
  return {
    title: "What is left",
    header: ["way", "loses", "how"],
    rows: ways.map(({ name, loses, how }) => [name, loss(loses), how]),
  };
}

function loss(milliseconds: number | null): string {
  if (milliseconds === null) return "not known";
  if (milliseconds <= 0) return "nothing of before the moment";
  return `${Math.ceil(milliseconds / 60_000)} minutes (${formatDuration(milliseconds)})`;
}
