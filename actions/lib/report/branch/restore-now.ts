import { markdownCode } from "../../base/escaping.ts";
import { formatBytes, formatCount, formatDuration, formatMinute } from "../../base/measures.ts";
import type { MeasuredRestore, StandingSet } from "../../vault/standing.ts";
import type { Standing } from "./standing.ts";

const day = 86_400_000;
/** A restore of another size is measured against this one by its bytes, from so many on. */
const smallestBytes = 1_000_000;

/** What one scenario would bring back if it were needed now. */
interface RestoreNow {
  readonly scenario: string;
  readonly way: string;
  readonly set: StandingSet | null;
  /** Milliseconds since the data was read; null without a set. */
  readonly age: number | null;
  /** Minutes by the last measurements; null when nothing was measured. */
  readonly minutes: number | null;
  readonly measured: MeasuredRestore | null;
  /** Rows that have come since, by the pace of the last month; null when there is nothing to go by. */
  readonly rowsLost: number | null;
  /** Undefined where the scenario does not touch them; null when no snapshot of them is known. */
  readonly files: { readonly at: string; readonly age: number } | null | undefined;
}

const scenarios: readonly { readonly scenario: string; readonly way: string; readonly files: boolean }[] = [
  {
    scenario: "minor data corruption",
    way: "the damaged rows from the set, restored beside the project",
    files: false,
  },
  { scenario: "database failure", way: "the set into a new project", files: false },
  { scenario: "complete data loss", way: "the set and the files into a new project", files: true },
  { scenario: "regional disaster", way: "the set and the files into a new project of another region", files: true },
];

/** An archive may have to be thawed first; the newest data is taken from what can be read at once. */
export function restoreNow(standing: Standing, now: Date): RestoreNow[] {
  const set = standing.sets.find(({ tier }) => tier !== "monthly") ?? standing.sets[0] ?? null;
  const age = set === null ? null : since(set.snapshotAt, now);
  const measured = standing.restores[0] ?? null;
  const pace = rowsPerDay(standing.sets);
  const files = standing.files ? { at: standing.files.at, age: since(standing.files.at, now) } : null;
  return scenarios.map(({ scenario, way, files: withFiles }) => ({
    scenario,
    way,
    set,
    age,
    minutes: set === null ? null : minutesFor(set, standing.restores),
    measured,
    rowsLost: age === null || pace === null ? null : Math.round((pace * age) / day),
    files: withFiles ? files : undefined,
  }));
}

/** Milliseconds; a clock that is ahead makes nothing younger than now. */
function since(time: string, now: Date): number {
  return Math.max(0, now.getTime() - Date.parse(time));
}

/** The slowest of the last three that were measured, longer in proportion where the set is larger than what was restored then. */
function minutesFor(set: StandingSet, restores: readonly MeasuredRestore[]): number | null {
  const estimates = restores.slice(0, 3).map(({ seconds, plainBytes }) => {
    const grown = plainBytes === null || plainBytes < smallestBytes ? 1 : Math.max(1, set.plainBytes / plainBytes);
    return (seconds * grown) / 60;
  });
  return estimates.length === 0 ? null : Math.max(...estimates);
}

/** How many rows a day were added between the oldest and the newest set of the last month; null for fewer than two. */
function rowsPerDay(sets: readonly StandingSet[]): number | null {
  const newest = sets[0];
  if (newest === undefined) return null;
  const month = sets.filter(({ snapshotAt }) => Date.parse(newest.snapshotAt) - Date.parse(snapshotAt) <= 31 * day);
  const oldest = month.at(-1);
  const span = oldest === undefined ? 0 : Date.parse(newest.snapshotAt) - Date.parse(oldest.snapshotAt);
  if (oldest === undefined || span < day / 2) return null;
  return Math.max(0, ((newest.rows - oldest.rows) * day) / span);
}

/** The table on top of the index page, in Markdown. */
export function renderRestoreNow(rows: readonly RestoreNow[], standing: Standing, now: Date): string {
  const first = rows[0];
  const lines = rows.map(({ scenario, way, set, age, minutes, files, rowsLost }) => [
    `**${scenario}**<br>${way}`,
    set === null ? "**none**" : `${markdownCode(set.set)}<br>${set.tier}, ${provenWord(set)}`,
    age === null
      ? "–"
      : `${formatDuration(age)}${files === null || files === undefined ? "" : `<br>files ${formatDuration(files.age)}`}`,
    minutes === null ? "**never measured**" : `${formatDuration(minutes * 60_000)}`,
    lostWord(age, set, rowsLost) + (files === null ? ",<br>**every file**" : ""),
  ]);
  const measured = first?.measured;
  return [
    `## If you restored now`,
    "",
    `As of ${formatMinute(now.toISOString())}${standing.source === "vault" ? "" : "; the vault could not be asked: by the reports of earlier runs"}.`,
    "",
    "| scenario | with set | its age | would take | would be lost |",
    "| --- | --- | --- | --- | --- |",
    ...lines.map((cells) => `| ${cells.join(" | ")} |`),
    "",
    measured === null || measured === undefined
      ? "How long a restore takes is not known: none was measured yet. The restore test measures it."
      : `Times are those of the database: the slowest of the last measurements, the newest of ${formatMinute(measured.at)} ` +
        `(${formatDuration(measured.seconds * 1000)}${measured.plainBytes === null ? "" : ` for ${formatBytes(measured.plainBytes)}`}), ` +
        `in proportion to the set's size. Making the project, switching the application over and whatever people decide come on top.`,
    "",
    provenSentence(standing, now),
    ...(!standing.files ? ["", "**Files**: no snapshot of Storage's files is known."] : []),
    "",
  ].join("\n");
}

/** What is known for certain, beside what is newest. */
function provenSentence({ sets, proven }: Standing, now: Date): string {
  if (proven === null) return "**No set has been proven yet**: none was restored by a restore test and compared.";
  if (proven.set === sets[0]?.set) return "The newest set is proven: it was restored by a restore test and compared.";
  return `The newest set that a restore test has restored and compared is \`${proven.set}\`, ${formatDuration(since(proven.snapshotAt, now))} old.`;
}

function provenWord({ provenAt }: StandingSet): string {
  return provenAt === null ? "not proven" : `proven ${provenAt.slice(0, 10)}`;
}

function lostWord(age: number | null, set: StandingSet | null, rowsLost: number | null): string {
  if (set === null || age === null) return "**everything**";
  const pace = rowsLost === null ? "" : `,<br>about ${formatCount(rowsLost)} new rows`;
  return `what changed since ${formatMinute(set.snapshotAt)}${pace}`;
}
