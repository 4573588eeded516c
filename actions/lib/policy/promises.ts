import { countOf, formatDuration } from "../base/measures.ts";
import type { Policy } from "../config/policy/policy.ts";
import type { PromisesPolicy, Scenario } from "../config/policy/promises.ts";
import type { PlayedRecovery } from "../vault/format/proof.ts";
import type { Purpose, ReadSchedules } from "./read-schedules.ts";
import { type Rhythm, rhythmOf } from "./schedule.ts";
import type { Announcement } from "./terms.ts";

/** What can go wrong with a promise, or with what it stands on. */
export interface PromiseFinding {
  /** Stable name, e.g. `completeLoss.rpo`; the policy's `accepted` names it so. */
  readonly name: string;
  /** `broken`: what is promised is better than the truth. `doubtful`: it holds, but not by much, or nobody has measured it. */
  readonly level: "broken" | "accepted" | "doubtful";
  /** What is promised and what is true. */
  readonly message: string;
  /** What a person can do. */
  readonly next: string;
}

/** One of a scenario's two promises beside the truth. All in minutes. */
export interface PromiseRow {
  readonly scenario: Scenario;
  readonly what: "RTO" | "RPO";
  readonly promised: number;
  /** What schedules, plan and thaw allow at worst; infinite: everything; undefined: it can't be told without a measurement. */
  readonly atWorst: number | undefined;
  /** What it would be now; undefined when the vault was not asked. */
  readonly now: number | undefined;
  /** What the last test took; undefined when there was none, or it does not measure this. */
  readonly measured: number | undefined;
  readonly state: "kept" | "broken" | "accepted" | "unmeasured";
}

/** What the vault says of the present. */
export interface VaultTruth {
  /** When the newest set's data was read; ISO 8601. */
  readonly newestSetAt: string | undefined;
  /** Bytes that were read from the source for it; undefined when that is not known. */
  readonly newestSetBytes?: number | undefined;
  /** Of the newest snapshot of the files; null when the vault of files was not asked. */
  readonly newestFilesAt: string | undefined | null;
  /** What is wrong with what is held, in words for people; undefined when nobody looked. */
  readonly holds?: readonly string[] | undefined;
  /** What is wrong with the keys of sets, in words for people; undefined when nobody looked. */
  readonly keys?: readonly string[] | undefined;
  /** What is not in the replica, in words for people; undefined where there is none, or nobody looked. */
  readonly replica?: readonly string[] | undefined;
  /** What the newest sets say of the policy's terms; undefined when nobody looked. */
  readonly announced?: readonly Announcement[] | undefined;
  /** That is on, and since when (ISO 8601; null: that cannot be told); undefined: none, or nobody looked. */
  readonly incident?: { readonly id: string; readonly reason: string; readonly since: string | null } | undefined;
  /** Recoveries as they were last played, with all that belongs to them; undefined when nobody looked. */
  readonly played?: readonly PlayedRecovery[] | undefined;
  /** The proven set with the newest data. */
  readonly proven:
    | { readonly snapshotAt: string; readonly provenAt: string; readonly restoreSeconds: number }
    | undefined;
}

export interface PromiseFacts {
  readonly policy: Pick<Policy, "archive" | "incident" | "tiers" | "promises" | "source">;
  readonly schedules: ReadSchedules;
  readonly now: Date;
  /** Undefined: not asked, or not reached. */
  readonly vault: VaultTruth | undefined;
}

export interface PromiseCheck {
  readonly rows: readonly PromiseRow[];
  readonly findings: readonly PromiseFinding[];
  /** No promise is broken that nobody has accepted. */
  readonly green: boolean;
  /** When it was looked at; ISO 8601. */
  readonly checkedAt: string;
  /** Whether the vault was asked. */
  readonly online: boolean;
  /** What the sets cost in bytes read from Supabase, as a sentence; undefined when it is not known. */
  readonly egress?: string | undefined;
  /** Terms of sets that the policy shortens, and when each counts: a sentence each, every day until then. */
  readonly shortened?: readonly string[];
}

export const scenarioNames: Readonly<Record<Scenario, string>> = {
  minorCorruption: "minor data corruption",
  databaseFailure: "database failure",
  completeLoss: "complete data loss",
  regionalDisaster: "regional disaster",
};

/** Days that Supabase keeps its own daily backups (supabase.com/docs/guides/platform/backups). */
export const planDays: Readonly<Record<PromisesPolicy["supabase"]["plan"], number>> = {
  free: 0,
  pro: 7,
  team: 14,
  enterprise: 30,
};

/** The most that point-in-time recovery loses (the same page). */
const pitrMinutes = 2;

/** Minutes that a Standard retrieval takes at most (docs.aws.amazon.com, S3, "Archive retrieval options"). */
const thawMinutes: Readonly<Record<Policy["archive"]["storageClass"], number>> = {
  GLACIER_IR: 0,
  GLACIER: 300,
  DEEP_ARCHIVE: 720,
};

/** `2 min`, `37 h 41 min`, `7 days`, `everything`: what a recovery may cost, for people. @param minutes may be infinite */
export function span(minutes: number): string {
  if (!Number.isFinite(minutes)) return "everything";
  if (minutes < 72 * 60) return formatDuration(minutes * 60_000);
  const days = Math.round(minutes / 144) / 10;
  return `${days} days`;
}

/** `a, b and c` */
function joined(words: readonly string[]): string {
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

/** What schedules, plan and storage class come to; minutes, infinite where nothing is done. */
export interface WorstCase {
  /** Of the sets that can be read at once. */
  readonly readable: Rhythm;
  /** Of all sets, archives among them. */
  readonly sets: Rhythm;
  readonly files: Rhythm;
  readonly tests: Rhythm;
  /** What is lost at worst of the database and of the files, when only the vault is left: gap, lateness and the run itself. */
  readonly databaseLoss: number;
  readonly filesLoss: number;
  /** What is lost at worst while Supabase's own backups are there. */
  readonly ownLoss: number;
  /** The newest set may be an archive that has to be thawed first, because the others alone are too rare. */
  readonly needsThaw: boolean;
  readonly thaw: number;
}

export function worstCase({ policy, schedules }: Pick<PromiseFacts, "policy" | "schedules">): WorstCase {
  const { promises, archive } = policy;
  const of = (...purposes: Purpose[]): Rhythm =>
    rhythmOf(schedules.schedules.filter(({ purpose }) => purposes.includes(purpose)));
  const loss = ({ worstGap }: Rhythm): number => worstGap + promises.lateMinutes + promises.runMinutes;
  const thaw = thawMinutes[archive.storageClass];
  const readable = thaw === 0 ? of("daily", "weekly", "monthly") : of("daily", "weekly");
  const sets = of("daily", "weekly", "monthly");
  const files = of("files");
  const { completeLoss, regionalDisaster } = promises.scenarios;
  const needsThaw =
    thaw > 0 &&
    sets.worstGap !== readable.worstGap &&
    readable.worstGap > Math.min(completeLoss.rpoMinutes, regionalDisaster.rpoMinutes);
  const databaseLoss = loss(sets);
  return {
    ...{ readable, sets, files, tests: of("restoreTest"), databaseLoss, filesLoss: loss(files) },
    ownLoss: ownLoss(promises.supabase, databaseLoss),
    ...{ needsThaw, thaw },
  };
}

function ownLoss({ plan, pitrDays }: PromiseFacts["policy"]["promises"]["supabase"], fromSets: number): number {
  if (pitrDays !== null && plan !== "free") return pitrMinutes;
  return planDays[plan] > 0 ? Math.min(1440, fromSets) : fromSets;
}

/** How long a recovery takes: as it was last played, else as long as the restore of a database took. */
export function measuredMinutes(
  vault: VaultTruth | undefined,
  scenario: Scenario,
): { readonly minutes: number; readonly what: string } | undefined {
  const played = vault?.played?.find((one) => one.scenario === scenario);
  if (played !== undefined)
    return {
      minutes: played.minutes,
      what: `the last drill of it, ${played.withFiles ? "with" : "without"} files and ${played.withPeople ? "with" : "without"} people's work,`,
    };
  const seconds = vault?.proven?.restoreSeconds;
  return seconds === undefined
    ? undefined
    : { minutes: seconds / 60, what: "the last proven restore of the database alone" };
}

/** One sentence for reports and channels. */
export function promisesSentence({ findings, online }: PromiseCheck): string {
  const count = (level: PromiseFinding["level"]): number => findings.filter((each) => each.level === level).length;
  const [broken, accepted] = [count("broken"), count("accepted")];
  const taken = accepted === 0 ? "" : `; ${countOf(accepted, "gap is", "gaps are")} known and accepted for a while`;
  const asked = online ? "" : " The vault was not asked.";
  return broken === 0
    ? `No promise is better than the truth${accepted === 0 ? "" : ` but for what is accepted`}${taken}.${asked}`
    : `${countOf(broken, "finding says", "findings say")} that a promise is better than the truth${taken}.${asked}`;
}
